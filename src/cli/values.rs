//! Words of the command line into words of the contract: enum values, labels, durations, placements.
//!
//! Only what cannot be sent is refused here; what the contract forbids is the server's to refuse, with its reasons.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::grpc::pb::{BaiduPlacement, Encryption, EncryptionType, HuaweiPlacement, PlacementSpec, TencentPlacement};

/// Reads one of `words` as the enum value of that name: `sk-ed25519` with `KEY_TYPE_` is `KEY_TYPE_SK_ED25519`.
pub(super) fn word<E: Clone + Send + Sync + 'static>(
    prefix: &'static str,
    words: &'static [&'static str],
    parse: fn(&str) -> Option<E>,
) -> impl TypedValueParser<Value = E> {
    PossibleValuesParser::new(words).try_map(move |word| {
        parse(&screaming(prefix, &word)).ok_or_else(|| format!("{word:?} has no value of its own"))
    })
}

/// `key=value`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a label is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Seconds (`30`) or words (`1m 30s`).
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const ADVICE: &str = "a duration is seconds, such as 30, or words, such as 1m30s; more than zero";
    let read = match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => text.parse::<jiff::SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok()),
    };
    read.filter(|d| !d.is_zero()).ok_or_else(|| ADVICE.to_owned())
}

/// `PROVIDER[,remote-name=NAME][,tencent.project-id=N][,huawei.scope=...]...`: the fields of PlacementSpec.
pub(super) fn placement(text: &str) -> Result<PlacementSpec, String> {
    let mut parts = text.split(',');
    let provider = parts.next().unwrap_or_default();
    if provider.is_empty() || provider.contains('=') {
        return Err("a placement begins with the configured name of its provider".to_owned());
    }
    let mut spec = PlacementSpec { provider: provider.to_owned(), ..Default::default() };
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, "true"));
        place_field(&mut spec, key, value)?;
    }
    Ok(spec)
}

fn place_field(spec: &mut PlacementSpec, key: &str, value: &str) -> Result<(), String> {
    match key.split_once('.') {
        None if key == "remote-name" => value.clone_into(&mut spec.remote_name),
        Some(("tencent", "project-id")) => {
            let id = value.parse().map_err(|_| format!("tencent.project-id is a number, not {value:?}"))?;
            spec.tencent = Some(TencentPlacement { project_id: Some(id) });
        }
        Some(("huawei", field)) => huawei_field(spec.huawei.get_or_insert_default(), field, value)?,
        None if key == "baidu" => spec.baidu = Some(BaiduPlacement {}),
        _ => return Err(format!("{key:?} is not one of {PLACEMENT_FIELDS}")),
    }
    Ok(())
}

fn huawei_field(huawei: &mut HuaweiPlacement, field: &str, value: &str) -> Result<(), String> {
    let encryption = |huawei: &mut HuaweiPlacement, change: &dyn Fn(&mut Encryption)| {
        change(huawei.encryption.get_or_insert_default());
    };
    match field {
        "scope" => value.clone_into(&mut huawei.scope),
        "user-id" => value.clone_into(&mut huawei.user_id),
        "escrow-private-key" => {
            huawei.escrow_private_key =
                value.parse().map_err(|_| "huawei.escrow-private-key is true or false".to_owned())?;
        }
        "encryption" => {
            let kind = EncryptionType::from_str_name(&screaming("ENCRYPTION_TYPE_", value))
                .ok_or("huawei.encryption is default or kms")?;
            encryption(huawei, &|e| e.set_type(kind));
        }
        "kms-key-name" => encryption(huawei, &|e| value.clone_into(&mut e.kms_key_name)),
        "kms-key-id" => encryption(huawei, &|e| value.clone_into(&mut e.kms_key_id)),
        _ => return Err(format!("\"huawei.{field}\" is not one of {PLACEMENT_FIELDS}")),
    }
    Ok(())
}

fn screaming(prefix: &str, word: &str) -> String {
    format!("{prefix}{}", word.to_ascii_uppercase().replace('-', "_"))
}

const PLACEMENT_FIELDS: &str = "remote-name, tencent.project-id, huawei.scope, huawei.user-id, \
     huawei.escrow-private-key, huawei.encryption, huawei.kms-key-name, huawei.kms-key-id, baidu";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements_mirror_the_contract() {
        let spec =
            placement("hw-1,remote-name=web,huawei.escrow-private-key,huawei.encryption=kms,huawei.kms-key-name=a/b")
                .unwrap();
        let huawei = spec.huawei.unwrap();
        assert_eq!((spec.provider.as_str(), spec.remote_name.as_str()), ("hw-1", "web"));
        assert!(huawei.escrow_private_key);
        let encryption = huawei.encryption.unwrap();
        assert_eq!((encryption.r#type(), encryption.kms_key_name.as_str()), (EncryptionType::Kms, "a/b"));
        assert_eq!(placement("t,tencent.project-id=7").unwrap().tencent.unwrap().project_id, Some(7));
        for wrong in ["", "remote-name=x", "p,colour=red", "p,huawei.x=1", "p,tencent.project-id=x"] {
            assert!(placement(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("30").unwrap(), Duration::from_secs(30));
        assert_eq!(duration("1m30s").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("250ms").unwrap(), Duration::from_millis(250));
        for wrong in ["", "0", "-1s", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
