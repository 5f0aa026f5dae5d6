//! A secret in JSON is read as serde_json reads a string, without serde_json's buffer; and is written so that nothing is
//! left behind by a buffer that grew.

use keypairs::dialect::json::{self, Flaw, read_secret, to_bytes, write_secret};
use keypairs::secret::SecretText;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Holder {
    #[serde(default, deserialize_with = "read_secret")]
    #[serde(serialize_with = "write_secret", skip_serializing_if = "Option::is_none")]
    secret: Option<SecretText>,
}

fn read(json: &str) -> Option<Option<String>> {
    let holder: Holder = json::read(json.as_bytes()).ok()?;
    Some(holder.secret.map(|secret| secret.expose().to_owned()))
}

#[test]
fn what_is_no_string_is_no_secret() {
    assert_eq!(
        read(r#"{"secret":"a\n\"b\"\/\\\t\b\f\r\u00e9\ud83d\udd11"}"#).unwrap().unwrap(),
        "a\n\"b\"/\\\t\u{8}\u{c}\ré🔑"
    );
    assert_eq!(
        (read("{}"), read(r#"{"secret":null}"#), read(r#"{"secret":""}"#)),
        (Some(None), Some(None), Some(Some("".into())))
    );
    for bad in
        ["1", "true", "[]", "{}", "[\"a\"]", r#""\ud83d""#, r#""\ud83d\u0041""#, r#""\udd11""#, r#""\x""#, "\"\n\""]
    {
        assert_eq!(read(&format!(r#"{{"secret":{bad}}}"#)), None, "{bad}");
    }
}

#[test]
fn an_object_is_an_object() {
    let flaw = |json: &str| json::read::<Holder>(json.as_bytes()).err();
    assert_eq!((flaw(" \n{}"), flaw("{\"secret\":\"\"} ")), (None, None));
    for shape in ["[\"secret\"]", "[]", "null", "7", "\"{}\"", "{\"secret\":7}"] {
        assert_eq!(flaw(shape), Some(Flaw::Shape), "{shape}");
    }
    for syntax in ["", "{", "[", "{}{}", "<html>", "{'secret':1}", "\u{feff}{}"] {
        assert_eq!(flaw(syntax), Some(Flaw::Syntax), "{syntax}");
    }
}

#[test]
fn a_secret_is_written_once_and_read_back() {
    let text = "-----BEGIN RSA PRIVATE KEY-----\nMII\"\\\n-----END RSA PRIVATE KEY-----\n";
    let holder = Holder { secret: Some(SecretText::new(text.to_owned())) };
    let bytes = to_bytes(&holder, text.len());
    assert_eq!(read(std::str::from_utf8(bytes.expose()).unwrap()), Some(Some(text.to_owned())));
    assert_eq!(to_bytes(&Holder { secret: None }, 0).expose(), b"{}");
}

/// All of a text as `\uXXXX`, as some writers of JSON do with what is not ASCII.
fn escaped(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect()
}

proptest! {
    #[test]
    fn a_secret_is_read_as_serde_json_reads_it(text in any::<String>(), raw in "\"[ !#-~é]{0,30}\"") {
        let plain = serde_json::to_string(&text).unwrap();
        for json in [plain.as_str(), &format!("\"{}\"", escaped(&text)), &raw] {
            let theirs = serde_json::from_str::<String>(json).ok();
            prop_assert_eq!(read(&format!(r#"{{"secret":{json}}}"#)).flatten(), theirs);
        }
    }
}
