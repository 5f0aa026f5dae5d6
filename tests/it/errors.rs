//! The closed list of reasons is one list: in the code, in errors.proto and in docs/ERRORS.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use keypairs::dialect::{baidu, huawei, tencent};
use keypairs::error::{Error, Reason};
use keypairs::face::kind_of;
use keypairs::grpc::pb;
use keypairs::grpc::status::code;

/// One row of docs/ERRORS.md.
struct Documented {
    reason: String,
    code: String,
    when: String,
    what_to_do: String,
}

#[test]
fn the_table_the_proto_and_the_code_name_the_same_reasons_in_the_same_order() {
    let documented: Vec<String> = table().into_iter().map(|row| row.reason).collect();
    let known: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(documented, known);
    assert_eq!(pb::ErrorReason::try_from(0).unwrap().as_str_name(), "ERROR_REASON_UNSPECIFIED");
    for (number, reason) in (1..).zip(Reason::ALL) {
        let name = pb::ErrorReason::try_from(number).unwrap().as_str_name();
        assert_eq!(name.strip_prefix("ERROR_REASON_"), Some(reason.as_str()), "number {number}");
    }
    let beyond = i32::try_from(Reason::ALL.len()).unwrap() + 1;
    assert!(pb::ErrorReason::try_from(beyond).is_err(), "the proto knows a reason that the code does not");
}

#[test]
fn the_table_tells_the_code_and_what_to_do() {
    for (row, reason) in table().iter().zip(Reason::ALL) {
        // "INVALID_ARGUMENT" of the table is "InvalidArgument" of tonic.
        let words = row.code.split('_').map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase()));
        assert_eq!(words.collect::<String>(), format!("{:?}", code(reason.class())), "{}", row.reason);
        assert!(row.when.ends_with('.') && row.what_to_do.ends_with('.'), "{}: sentences", row.reason);
    }
}

/// A reason is answered when some code outside its own list names it.
#[test]
fn not_answered_yet_is_true() {
    let mut sources = String::new();
    read_sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut sources);
    let words = sources.split(|c: char| !c.is_alphanumeric() && c != ':' && c != '_');
    let named: BTreeSet<&str> = words.filter_map(|word| word.strip_prefix("Reason::")).collect();
    assert!(named.len() > 50, "the sources were read: {named:?}");
    for (row, reason) in table().iter().zip(Reason::ALL) {
        let variant = format!("{reason:?}");
        let says_not = row.when.starts_with("Not answered yet.");
        assert_eq!(
            says_not,
            !named.contains(variant.as_str()),
            "{}: \"Not answered yet\" in docs/ERRORS.md",
            row.reason
        );
    }
}

/// What the face answers for each reason, and adapters understand: one row for what is one thing in the clouds' words.
#[test]
fn the_clouds_words_are_true() {
    let mut rows: BTreeMap<String, (String, Vec<&str>)> = BTreeMap::new();
    for reason in Reason::ALL {
        let kind = kind_of(&Error::new(*reason, ""));
        let words = [
            baidu::Code::of_kind(kind).text(),
            tencent::Action::ImportKeyPair.code(kind).as_str(),
            huawei::Action::CreateKeypair.refused(kind).code.as_str(),
        ];
        rows.entry(format!("{kind:?}")).or_insert((words.join(" | "), Vec::new())).1.push(reason.as_str());
    }
    let rows = rows.into_values().map(|(words, reasons)| format!("| {} | {words} |\n", reasons.join(", ")));
    let wanted: String = rows.collect();
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ERRORS.md")).unwrap();
    assert!(text.contains(&wanted), "docs/ERRORS.md, the table of the clouds' words, should be:\n{wanted}");
}

/// The rows of the last table of docs/ERRORS.md.
fn table() -> Vec<Documented> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ERRORS.md")).unwrap();
    let (_, table) = text.split_once("| reason | gRPC code | when | what to do |\n|---|---|---|---|\n").unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [reason, code, when, what_to_do] = cells.as_slice() else { panic!("not four cells: {line}") };
        let text = |cell: &&str| (*cell).to_owned();
        Documented { reason: text(reason), code: text(code), when: text(when), what_to_do: text(what_to_do) }
    };
    table.lines().map(row).collect()
}

/// Everything below `dir` but unit tests, and of error.rs only what is not the list.
fn read_sources(dir: &Path, into: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            into.push_str(text.split("macro_rules! reasons").next().unwrap());
            into.push('\n');
        }
    }
}
