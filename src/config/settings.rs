//! All settings of one start in one list, strongest first: flags, environment, file. Keys are read by asking.
//!
//! Promise: what nobody asked for is an unknown key in the end, so no setting is ever ignored; every fault is kept, so
//! all are told at once; and no message holds a value unless it goes through [`Settings::fault`] with words of the
//! asker. It knows no key: `sections.rs` asks.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use zeroize::Zeroize;

use super::fault::{ConfigFault, Origin};
use super::secret::Secret;

/// A value as its source gave it.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A table of the file; what is in it are settings of their own.
    Table,
    /// A list of tables of the file; each is a setting of its own, below its number from 0.
    Tables,
    /// Text of the file.
    Text(String),
    /// A whole number of the file.
    Whole(i64),
    /// True or false in the file.
    Truth(bool),
    /// A list of the file.
    List(Vec<Value>),
    /// Something no key takes.
    Other(&'static str),
    /// A flag or environment variable: text that stands for whatever the key takes.
    Word(String),
}

impl Value {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Table => "a section",
            Self::Tables => "a list of sections",
            Self::Text(_) | Self::Word(_) => "text",
            Self::Whole(_) => "a number",
            Self::Truth(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

/// One setting of one source.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    path: Vec<String>,
    origin: Origin,
    value: Value,
    seen: bool,
}

impl Setting {
    pub(super) const fn new(path: Vec<String>, origin: Origin, value: Value) -> Self {
        Self { path, origin, value, seen: false }
    }

    fn key(&self) -> String {
        self.path.join(".")
    }

    /// Whether its path begins with these parts. In the environment `_` stands for `-` as well.
    fn below(&self, parts: &[&str]) -> bool {
        self.path.len() >= parts.len() && self.path.iter().zip(parts).all(|(have, want)| self.same(have, want))
    }

    fn is(&self, parts: &[&str]) -> bool {
        self.path.len() == parts.len() && self.below(parts)
    }

    fn same(&self, have: &str, want: &str) -> bool {
        match self.origin {
            Origin::Env(_) => fold(have) == fold(want),
            _ => have == want,
        }
    }
}

/// Any text may have been meant for a secret.
impl Drop for Setting {
    fn drop(&mut self) {
        if let Value::Text(text) | Value::Word(text) = &mut self.value {
            text.zeroize();
        }
    }
}

/// A value that fits, and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

impl<T> Found<T> {
    /// What holds when nothing is set.
    pub(super) const fn default(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }
}

/// All settings, strongest first, and the faults so far.
pub(super) struct Settings {
    list: Vec<Setting>,
    faults: Vec<ConfigFault>,
    asked: Vec<String>,
}

impl Settings {
    /// Takes settings, strongest first, and the faults that came with them.
    pub(super) const fn new(list: Vec<Setting>, faults: Vec<ConfigFault>) -> Self {
        Self { list, faults, asked: Vec::new() }
    }

    /// Keeps a fault.
    pub(super) fn fault(&mut self, key: &str, origin: &Origin, message: impl Into<String>) {
        self.faults.push(ConfigFault { origin: origin.clone(), key: key.to_owned(), message: message.into() });
    }

    /// Says that `key` is a section. A value in its place is a fault. Tells where it comes first, if it is there.
    pub(super) fn section(&mut self, key: &str) -> Option<Origin> {
        let mut wrong = Vec::new();
        let parts: Vec<&str> = key.split('.').collect();
        for setting in self.list.iter_mut().filter(|s| s.is(&parts)) {
            setting.seen = true;
            if !matches!(setting.value, Value::Table) {
                wrong.push((setting.origin.clone(), setting.value.kind()));
            }
        }
        for (origin, kind) in wrong {
            if kind == Value::Tables.kind() {
                self.skip(&parts);
            }
            self.fault(key, &origin, format!("is a section, not {kind}; set the keys below it"));
        }
        self.list.iter().find(|s| s.below(&parts)).map(|s| s.origin.clone())
    }

    /// The sections of a list such as `face.accounts`, by number: each as the key that it has, such as
    /// `face.accounts.0`, with where it comes first.
    pub(super) fn items(&mut self, list: &str) -> Vec<(String, Origin)> {
        let parts: Vec<&str> = list.split('.').collect();
        let mut wrong = None;
        for setting in self.list.iter_mut().filter(|s| s.is(&parts)) {
            setting.seen = true;
            let empty = matches!(&setting.value, Value::List(items) if items.is_empty());
            if !empty && !matches!(setting.value, Value::Tables) {
                wrong = Some(setting.origin.clone());
            }
        }
        if let Some(origin) = wrong {
            self.skip(&parts);
            self.fault(list, &origin, format!("is a list of sections; write [[{list}]] above the keys of each"));
            return Vec::new();
        }
        let mut items = Vec::new();
        for (name, origin) in self.names_below(&parts) {
            match name.parse::<u16>().ok().filter(|number| number.to_string() == name) {
                Some(number) => items.push((number, origin)),
                None => {
                    self.skip(&[&parts[..], &[&name]].concat());
                    self.fault(&format!("{list}.{name}"), &origin, "is not the number of a section, counted from 0");
                }
            }
        }
        items.sort_by_key(|(number, _)| *number);
        items.into_iter().map(|(number, origin)| (format!("{list}.{number}"), origin)).collect()
    }

    /// The names below a section of named things, such as `projects`, in order, each with where it comes first.
    pub(super) fn names(&mut self, section: &str) -> Vec<(String, Origin)> {
        self.section(section);
        self.names_below(&section.split('.').collect::<Vec<_>>())
    }

    fn names_below(&self, parts: &[&str]) -> Vec<(String, Origin)> {
        let mut names: Vec<(String, Origin)> = Vec::new();
        for setting in self.list.iter().filter(|s| !s.seen && s.below(parts)) {
            let Some(name) = setting.path.get(parts.len()) else { continue };
            let name = if matches!(setting.origin, Origin::Env(_)) { fold(name) } else { name.clone() };
            if !names.iter().any(|(known, _)| *known == name) {
                names.push((name, setting.origin.clone()));
            }
        }
        names
    }

    /// Marks everything below as told of already.
    pub(super) fn skip(&mut self, parts: &[&str]) {
        self.list.iter_mut().filter(|s| s.below(parts)).for_each(|s| s.seen = true);
    }

    /// Whether a key is set at all, fitting or not.
    pub(super) fn is_set(&self, key: &str) -> bool {
        let parts: Vec<&str> = key.split('.').collect();
        self.list.iter().any(|s| s.is(&parts))
    }

    /// Text that is not empty.
    pub(super) fn text(&mut self, key: &str) -> Option<Found<String>> {
        self.take(key, "text", |value| match value {
            Value::Text(text) | Value::Word(text) if !text.is_empty() => Ok(text),
            Value::Text(_) | Value::Word(_) => Err("is empty; give it a value or remove it".into()),
            other => Err(wrong_kind("text", &other)),
        })
    }

    /// Text, which may be empty.
    pub(super) fn any_text(&mut self, key: &str) -> Option<Found<String>> {
        self.take(key, "text", |value| match value {
            Value::Text(text) | Value::Word(text) => Ok(text),
            other => Err(wrong_kind("text", &other)),
        })
    }

    /// Text that is not empty; a whole number stands for its digits.
    pub(super) fn word(&mut self, key: &str) -> Option<Found<String>> {
        self.take(key, "text", |value| match value {
            Value::Text(text) | Value::Word(text) if !text.is_empty() => Ok(text),
            Value::Text(_) | Value::Word(_) => Err("is empty; give it a value or remove it".into()),
            Value::Whole(number) => Ok(number.to_string()),
            other => Err(wrong_kind("text", &other)),
        })
    }

    /// A file or folder.
    pub(super) fn path(&mut self, key: &str) -> Option<Found<PathBuf>> {
        let Found { value, origin } = self.text(key)?;
        Some(Found { value: value.into(), origin })
    }

    /// Text out of a closed list.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<Found<T>> {
        let Found { value, origin } = self.text(key)?;
        if let Some((_, choice)) = words.iter().find(|(word, _)| *word == value) {
            return Some(Found { value: *choice, origin });
        }
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.fault(key, &origin, format!("must be one of {}", words.join(", ")));
        None
    }

    /// An address to listen on.
    pub(super) fn address(&mut self, key: &str) -> Option<Found<SocketAddr>> {
        let Found { value, origin } = self.text(key)?;
        if let Ok(value) = value.parse() {
            return Some(Found { value, origin });
        }
        let message = format!("{value:?} is not IP:PORT, such as 127.0.0.1:50051, 0.0.0.0:50051 or [::1]:0");
        self.fault(key, &origin, message);
        None
    }

    /// A whole number in a range.
    pub(super) fn whole(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<Found<u64>> {
        self.take(key, "a whole number", |value| {
            let number = match &value {
                Value::Whole(number) => i128::from(*number),
                Value::Word(text) => text.trim().parse().map_err(|_| "must be a whole number".to_owned())?,
                other => return Err(wrong_kind("a whole number", other)),
            };
            match u64::try_from(number) {
                Ok(number) if range.contains(&number) => Ok(number),
                _ => Err(format!("is {number}; it must be from {} to {}", range.start(), range.end())),
            }
        })
    }

    /// A whole number in a range, where it came from does not matter.
    pub(super) fn small(&mut self, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        self.whole(key, range).and_then(|found| u32::try_from(found.value).ok())
    }

    /// True or false.
    pub(super) fn truth(&mut self, key: &str) -> Option<Found<bool>> {
        self.take(key, "true or false", |value| match &value {
            Value::Truth(truth) => Ok(*truth),
            Value::Word(word) => word.parse().map_err(|_| "must be true or false".to_owned()),
            other => Err(wrong_kind("true or false", other)),
        })
    }

    /// A list of texts; in the environment separated by commas.
    pub(super) fn texts(&mut self, key: &str) -> Option<Found<Vec<String>>> {
        let text = |value| match value {
            Value::Text(text) => Ok(text),
            other => Err(format!("holds {}; each of its values must be text", other.kind())),
        };
        self.take(key, "a list", |value| match value {
            Value::List(items) => items.into_iter().map(text).collect(),
            Value::Word(words) if words.trim().is_empty() => Ok(Vec::new()),
            Value::Word(words) => Ok(words.split(',').map(|word| word.trim().to_owned()).collect()),
            other => Err(wrong_kind("a list of texts", &other)),
        })
    }

    /// A list of whole numbers; in the environment separated by commas.
    pub(super) fn wholes(&mut self, key: &str) -> Option<Found<Vec<i64>>> {
        let number = |value| match value {
            Value::Whole(number) => Ok(number),
            other => Err(format!("holds {}; each of its values must be a whole number", other.kind())),
        };
        let parse = |word: &str| word.trim().parse().map_err(|_| "holds what is not a whole number".to_owned());
        self.take(key, "a list", |value| match value {
            Value::List(items) => items.into_iter().map(number).collect(),
            Value::Word(words) if words.trim().is_empty() => Ok(Vec::new()),
            Value::Word(words) => words.split(',').map(parse).collect(),
            other => Err(wrong_kind("a list of whole numbers", &other)),
        })
    }

    /// A secret: set as itself or, in `key_file`, as the file that holds it. Both: a fault.
    pub(super) fn secret(&mut self, key: &str) -> Option<Found<Secret>> {
        let file_key = format!("{key}_file");
        let plain = self.text(key);
        let file = self.path(&file_key);
        match (plain, file) {
            (Some(Found { origin, .. }), Some(_)) => {
                self.fault(key, &origin, format!("is set as well as {file_key}; keep one of the two"));
                None
            }
            (Some(Found { value, origin }), None) => self.fitting(key, origin, Secret::of(value)),
            (None, Some(Found { value, origin })) => self.fitting(&file_key, origin, Secret::read(value)),
            (None, None) => None,
        }
    }

    /// Keeps the fault of a value that did not fit.
    pub(super) fn fitting<T>(
        &mut self,
        key: &str,
        origin: Origin,
        value: Result<T, impl Into<String>>,
    ) -> Option<Found<T>> {
        match value {
            Ok(value) => Some(Found { value, origin }),
            Err(message) => {
                self.fault(key, &origin, message);
                None
            }
        }
    }

    /// Where a secret is set: as itself or, in `key_file`, as the file that holds it. Both: a fault. The secret itself
    /// is not handed out.
    pub(super) fn secret_origin(&mut self, key: &str) -> Option<Origin> {
        let file_key = format!("{key}_file");
        let plain = self.text(key).map(|found| found.origin);
        let file = self.text(&file_key).map(|found| found.origin);
        if let (Some(origin), Some(_)) = (&plain, &file) {
            self.fault(key, origin, format!("is set as well as {file_key}; keep one of the two"));
        }
        plain.or(file)
    }

    /// What nobody asked for is unknown; then all faults, in the order of the sources.
    pub(super) fn finish(mut self) -> Vec<ConfigFault> {
        let unseen: Vec<Setting> = self.list.iter().filter(|s| !s.seen).cloned().collect();
        for (i, setting) in unseen.iter().enumerate() {
            let covered = unseen[..i].iter().any(|above| {
                matches!(above.value, Value::Table | Value::Tables)
                    && setting.path.starts_with(&above.path)
                    && setting.origin != above.origin
            });
            if !covered {
                let message = format!("unknown key; {}", self.siblings(&setting.path));
                self.faults.push(ConfigFault { origin: setting.origin.clone(), key: setting.key(), message });
            }
        }
        self.faults.sort_by_key(|fault| place(&fault.origin));
        self.faults
    }

    /// Every key that was asked for.
    pub(super) fn into_asked(self) -> Vec<String> {
        self.asked
    }

    /// The strongest value of a key, in the form the key takes. `kind` is said of a section in its place.
    fn take<T>(&mut self, key: &str, kind: &str, fit: impl FnOnce(Value) -> Result<T, String>) -> Option<Found<T>> {
        self.asked.push(key.to_owned());
        let parts: Vec<&str> = key.split('.').collect();
        let mut strongest: Option<(Value, Origin)> = None;
        for setting in self.list.iter_mut().filter(|s| s.is(&parts)) {
            setting.seen = true;
            strongest.get_or_insert_with(|| (setting.value.clone(), setting.origin.clone()));
        }
        let (value, origin) = strongest?;
        if matches!(value, Value::Table | Value::Tables) {
            self.skip(&parts);
            self.fault(key, &origin, wrong_kind(kind, &value));
            return None;
        }
        let fits = fit(value);
        self.fitting(key, origin, fits)
    }

    /// What the section of an unknown key does know.
    fn siblings(&self, path: &[String]) -> String {
        let above = path.get(..path.len().saturating_sub(1)).unwrap_or_default().join(".");
        let prefix = if above.is_empty() { String::new() } else { format!("{above}.") };
        let mut known: Vec<&str> = Vec::new();
        for key in self.asked.iter().filter_map(|key| key.strip_prefix(&prefix)) {
            let name = key.split('.').next().unwrap_or(key);
            if !known.contains(&name) {
                known.push(name);
            }
        }
        match known.is_empty() {
            true => format!("there is no section {above:?}"),
            false => format!("known here: {}", known.join(", ")),
        }
    }
}

/// The settings of the environment: every variable `KEYPAIRS__SECTION__KEY`. Two that set one key are a fault.
pub(super) fn environment(env: impl IntoIterator<Item = (String, String)>) -> (Vec<Setting>, Vec<ConfigFault>) {
    let mut list: Vec<Setting> = Vec::new();
    let mut faults = Vec::new();
    for (name, value) in env {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let origin = Origin::Env(name);
        match list.iter().find(|known| known.is(&parts)) {
            Some(known) => {
                let message = format!("sets the same key as {}; keep one of the two", known.origin);
                faults.push(ConfigFault { origin, key: parts.join("."), message });
            }
            None => list.push(Setting::new(path, origin, Value::Word(value))),
        }
    }
    (list, faults)
}

fn wrong_kind(wanted: &str, value: &Value) -> String {
    format!("must be {wanted}, not {}", value.kind())
}

fn fold(name: &str) -> String {
    name.replace('_', "-")
}

fn place(origin: &Origin) -> (u8, usize, usize, String) {
    match origin {
        Origin::File { line, column, .. } => (0, *line, *column, String::new()),
        Origin::Env(name) => (1, 0, 0, name.clone()),
        Origin::Flag(name) => (2, 0, 0, (*name).to_owned()),
        Origin::Default => (3, 0, 0, String::new()),
    }
}

const PREFIX: &str = "KEYPAIRS__";
