//! ExportPrivate: gives the private half again, in the format asked for.

use super::call::Call;
use super::command::ExportPrivate;
use super::record::{PrivateText, corrupt, give_out, no_private_key, open, unfit_format};
use super::{Inner, read};
use crate::error::{Error, Result};
use crate::model::{KeyPair, PrivateKeyState};
use crate::sshkey::check_format;

pub(super) async fn run(s: &Inner, call: &Call, command: ExportPrivate) -> Result<(KeyPair, PrivateText)> {
    let row = read::live_row(s, &command.key, true).await?;
    let pair = row.pair;
    check_format(pair.public.algorithm(), command.format, command.passphrase.is_some())
        .map_err(|fault| Error::violations(vec![unfit_format("format", fault)]))?;
    if pair.private_key_state != PrivateKeyState::Stored {
        return Err(no_private_key(&pair));
    }
    let envelope = row.envelope.ok_or_else(|| corrupt(pair.id, "the sealed half is missing"))?;
    let key = open(s, &pair, &envelope).await?;
    let (_, text) = give_out(s, call, key, pair.line_comment(), command.format, command.passphrase).await?;
    Ok((pair, text))
}
