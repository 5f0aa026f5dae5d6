//! Reads the TOML file into a flat list of settings, each with its line and column.
//!
//! Promise: every fault of syntax is told, not only the first, and none quotes the file: a line may hold a secret.
//! It knows no key.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};
use zeroize::Zeroizing;

use super::fault::{ConfigFault, Origin};
use super::settings::{Setting, Value};

/// Reads the file. Settings and faults can come together: what could be read is checked all the same.
pub(super) fn read(path: &Path) -> (Vec<Setting>, Vec<ConfigFault>) {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes), // it may hold secrets
        Err(error) => return (Vec::new(), vec![whole_file(path, format!("cannot be read: {error}"))]),
    };
    if bytes.len() > MAX_BYTES {
        return (Vec::new(), vec![whole_file(path, format!("is over {MAX_BYTES} bytes; is it a config file?"))]);
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(path, text),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let origin = position(path, &before, before.len());
            (Vec::new(), vec![ConfigFault { origin, key: String::new(), message: "is not UTF-8 text".into() }])
        }
    }
}

/// Reads the text of a file.
fn parse(path: &Path, text: &str) -> (Vec<Setting>, Vec<ConfigFault>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut walk = Walk { path, text, settings: Vec::new() };
    walk.table(&[], root.get_ref());
    let fault = |error: toml::de::Error| ConfigFault {
        origin: position(path, text, error.span().map_or(0, |span| span.start)),
        key: String::new(),
        message: format!("is not TOML: {}", error.message()),
    };
    (walk.settings, errors.into_iter().map(fault).collect())
}

struct Walk<'a> {
    path: &'a Path,
    text: &'a str,
    settings: Vec<Setting>,
}

impl Walk<'_> {
    fn table(&mut self, above: &[String], table: &DeTable<'_>) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start); // so that faults come in the order of the file
        for (key, value) in entries {
            let mut path = above.to_vec();
            path.push(key.get_ref().to_string());
            self.entry(path, key.span().start, value);
        }
    }

    fn entry(&mut self, path: Vec<String>, at: usize, value: &Spanned<DeValue<'_>>) {
        let origin = position(self.path, self.text, at);
        match value.get_ref() {
            DeValue::Array(items) if items.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_))) => {
                self.settings.push(Setting::new(path.clone(), origin, Value::Tables));
                for (number, item) in items.iter().enumerate() {
                    let path = [&path[..], &[number.to_string()]].concat();
                    self.entry(path, item.span().start, item);
                }
            }
            DeValue::Table(table) => {
                self.settings.push(Setting::new(path.clone(), origin, Value::Table));
                self.table(&path, table);
            }
            value => self.settings.push(Setting::new(path, origin, plain(value))),
        }
    }
}

fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => whole(number).map_or(Value::Other("an integer too large"), Value::Whole),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Array(items) => Value::List(items.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(_) => Value::Table,
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Datetime(_) => Value::Other("a date"),
    }
}

fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn whole_file(path: &Path, message: String) -> ConfigFault {
    let origin = Origin::File { path: path.to_owned(), line: 1, column: 1 };
    ConfigFault { origin, key: String::new(), message }
}

/// Line and column of a byte of the text.
fn position(path: &Path, text: &str, at: usize) -> Origin {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Origin::File { path: path.to_owned(), line, column }
}

const MAX_BYTES: usize = 1 << 20;
