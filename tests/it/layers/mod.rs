//! The rules of the house as tests: imports run one way, files are small, adapters are named in one place, and
//! docs/ARCHITECTURE.md shows the layers that are there.

mod source;
mod table;

use std::collections::BTreeSet;

use source::{Source, code, sources, texts};
use table::{BLIND, EMPTY_NAMES, IMPURE, LAYERS, NAMED, SIDEWAYS, UNFINISHED};

#[test]
fn every_module_has_a_layer() {
    let there: BTreeSet<String> = sources().iter().map(|source| source.module().to_owned()).collect();
    let told: BTreeSet<String> = LAYERS.iter().map(|(module, _)| (*module).to_owned()).collect();
    assert_eq!(there, told, "src/ and the table of layers differ");
}

#[test]
fn imports_run_down() {
    let (mut faults, mut used) = (Vec::new(), BTreeSet::new());
    for source in sources() {
        let from = source.module();
        let root = if from == "main" { "keypairs" } else { "crate" };
        for (to, line) in source.imports(root).into_iter().filter(|(to, _)| to != from) {
            match verdict(from, &to) {
                Ok(true) => drop(used.insert((from.to_owned(), to))),
                Ok(false) => {}
                Err(why) => faults.push(format!("{}: {from} -> {to}: {why}", source.at(line))),
            }
        }
    }
    none(&faults);
    for (from, to, _) in SIDEWAYS {
        assert!(used.contains(&((*from).to_owned(), (*to).to_owned())), "nothing uses {from} -> {to}: take it out");
    }
}

/// Whether an import is a listed sideways one; `Err` says why it must not be.
fn verdict(from: &str, to: &str) -> Result<bool, String> {
    let layer = |module: &str| LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer);
    let (Some(own), Some(other)) = (layer(from), layer(to)) else { return Err("no such module".into()) };
    if let Some((.., why)) = BLIND.iter().find(|(one, two, _)| (*one, *two) == (from, to)) {
        return Err((*why).to_owned());
    }
    let listed = SIDEWAYS.iter().any(|(one, two, _)| (*one, *two) == (from, to));
    match other.cmp(&own) {
        std::cmp::Ordering::Less => Ok(false),
        std::cmp::Ordering::Equal if listed => Ok(true),
        std::cmp::Ordering::Equal => Err(format!("sideways in layer {own}")),
        std::cmp::Ordering::Greater => Err(format!("up from layer {own} to {other}")),
    }
}

#[test]
fn the_table_is_read_right() {
    assert_eq!(verdict("service", "store"), Ok(false));
    assert_eq!(verdict("app", "cli"), Ok(true));
    assert_eq!(verdict("kms", "store"), Err("sideways in layer 2".to_owned()));
    assert_eq!(verdict("store", "service"), Err("up from layer 2 to 4".to_owned()));
    assert!(verdict("grpc", "store").is_err() && verdict("grpc", "nothing").is_err());
}

/// The tests above read `crate::MODULE`: other ways to the root would pass them by.
#[test]
fn there_is_one_way_to_name_a_module() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !matches!(source.module(), "main" | "lib")) {
        let to_root = "super::".repeat(source.depth());
        for (line, text) in &source.code {
            if text.contains("crate::{") || text.contains("crate::*") {
                faults.push(format!("{}: name the module: use crate::MODULE::...", source.at(*line)));
            }
            if text.contains(&to_root) {
                faults.push(format!("{}: say crate:: instead of super:: up to the root", source.at(*line)));
            }
        }
    }
    none(&faults);
}

#[test]
fn what_only_some_may_name() {
    let (sources, mut faults) = (sources(), Vec::new());
    for (word, places, why) in NAMED {
        let mut used = BTreeSet::new();
        for source in sources.iter().filter(|source| !source.is_test()) {
            let place = places.iter().find(|place| source.path.starts_with(**place));
            for (line, _) in source.naming(word) {
                match place {
                    Some(place) => drop(used.insert(*place)),
                    None => faults.push(format!("{} names {word}: {why}", source.at(line))),
                }
            }
        }
        let unused = places.iter().filter(|place| !used.contains(**place));
        faults.extend(unused.map(|place| format!("nothing in {place} names {word}: take it out of the table")));
    }
    none(&faults);
}

#[test]
fn pure_modules_do_nothing_but_compute() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| matches!(source.module(), "dialect" | "model" | "sshkey")) {
        for word in IMPURE {
            faults.extend(source.naming(word).map(|(line, _)| format!("{} names {word}", source.at(line))));
        }
    }
    none(&faults);
}

#[test]
fn unsafe_is_nowhere() {
    let mut faults = Vec::new();
    for source in sources() {
        faults.extend(source.naming("unsafe").map(|(line, _)| source.at(line)));
        let is_root = source.depth() == 1 && source.module() != "lib";
        if is_root && !source.text.contains("\n#![forbid(unsafe_code)]\n") {
            faults.push(format!("src/{} must say #![forbid(unsafe_code)]", source.path));
        }
        if source.module() == "lib" && !source.text.contains("\n#![deny(unsafe_code)]\n") {
            faults.push("src/lib.rs must say #![deny(unsafe_code)]".to_owned());
        }
    }
    none(&faults);
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut faults: Vec<String> = texts()
        .into_iter()
        .filter(|(name, text)| name.ends_with(".rs") && !text.starts_with("//! "))
        .map(first)
        .collect();
    faults.retain(|name| !name.starts_with("target/"));
    none(&faults);
}

#[test]
fn files_are_small() {
    let mut faults = Vec::new();
    for (name, text) in texts().iter().filter(|(name, _)| name.ends_with(".rs")) {
        let lines = code(text).len();
        if lines > FILE_LIMIT {
            faults.push(format!("{name} has {lines} code lines, and may have {FILE_LIMIT}: find the missing idea"));
        }
    }
    none(&faults);
    let mut sizes: Vec<usize> = sources().iter().map(|source| source.code.len()).collect();
    sizes.sort_unstable();
    let (median, high) = (sizes[sizes.len() / 2], sizes[sizes.len() * 9 / 10]);
    println!("files: median {median}, 9 of 10 below {high}, largest {}", sizes[sizes.len() - 1]);
    assert!(median <= 120 && high <= 250, "code lines of files: median {median} of 120, 9 of 10 below {high} of 250");
}

#[test]
fn functions_are_small() {
    let (mut sizes, mut faults) = (Vec::new(), Vec::new());
    for source in sources() {
        for (line, size) in source.functions() {
            if size > FUNCTION_LIMIT {
                faults.push(format!(
                    "{}: {size} lines, and may have {FUNCTION_LIMIT}: find the missing idea",
                    source.at(line)
                ));
            }
            sizes.push(size);
        }
    }
    none(&faults);
    sizes.sort_unstable();
    let (median, high) = (sizes[sizes.len() / 2], sizes[sizes.len() * 9 / 10]);
    println!("functions: {}, median {median}, 9 of 10 below {high}, longest {}", sizes.len(), sizes[sizes.len() - 1]);
    assert!(sizes.len() > 500, "only {} functions: they are not found", sizes.len());
    assert!(median <= 8 && high <= 22, "lines of functions: median {median} of 8, 9 of 10 below {high} of 22");
}

#[test]
fn names_say_something() {
    let mut faults = Vec::new();
    for source in sources() {
        for (line, text) in &source.code {
            // The RPC GetProject is named so by the contract.
            if text.contains("fn get_") && !text.contains("fn get_project(") {
                faults.push(format!("{}: a getter is named after what it gives, without get_", source.at(*line)));
            }
            let defines = ["struct ", "enum ", "trait ", "mod ", "type "].iter().find_map(|word| {
                let (_, rest) = text.split_once(word)?;
                Some(rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?.to_owned())
            });
            let empty = |name: &String| EMPTY_NAMES.iter().any(|word| name.contains(word));
            faults.extend(defines.filter(empty).map(|name| format!("{}: {name} says nothing", source.at(*line))));
        }
    }
    none(&faults);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut faults = Vec::new();
    for Source { path, text, .. } in sources() {
        for word in UNFINISHED {
            if text.contains(word) {
                faults.push(format!("src/{path} holds {word}"));
            }
        }
    }
    none(&faults);
}

/// The repository works on every machine and behind every mirror. The words are put together here, so that this file
/// does not hold them.
#[test]
fn nothing_belongs_to_one_machine() {
    let paths = ["/roo", "/wor", "/hom"].map(|start| start.to_owned());
    let paths = [paths[0].clone() + "t/", paths[1].clone() + "k/", paths[2].clone() + "e/"];
    let hosts =
        ["pypi.", "pythonhosted.", "proxy.golang.", "index.crates.", "static.crates."].map(|h| h.to_owned() + "o");
    let mut faults = Vec::new();
    for (name, text) in texts().iter().filter(|(name, _)| name != "Cargo.lock") {
        for (at, line) in text.lines().enumerate() {
            let path = paths.iter().any(|path| begins_a_path(line, path));
            if path || hosts.iter().any(|host| line.contains(host.as_str())) {
                faults.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    none(&faults);
}

fn begins_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~}$/".contains(c)))
}

/// The picture in docs/ARCHITECTURE.md and in src/lib.rs, line by line: layer, its word, its modules.
#[test]
fn the_pictures_show_what_is_there() {
    let picture = |text: &str| -> BTreeSet<(u8, String)> {
        let words =
            |line: &str| line.trim_start_matches("//!").split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut found = BTreeSet::new();
        for line in text.lines() {
            let line = words(line);
            let Some(layer) = line.first().and_then(|word| word.parse::<u8>().ok()).filter(|layer| *layer < 7) else {
                continue;
            };
            let known = |word: &&String| LAYERS.iter().any(|(module, _)| module == &word.as_str());
            // The word of layers 3 and 4 is the name of their module.
            found.extend(line.iter().skip(2).take_while(known).map(|module| (layer, module.clone())));
        }
        found
    };
    let wanted: BTreeSet<(u8, String)> = LAYERS
        .iter()
        .filter(|(module, _)| *module != "lib")
        .map(|(module, layer)| (*layer, (*module).to_owned()))
        .collect();
    for (name, text) in texts() {
        if ["src/lib.rs", "docs/ARCHITECTURE.md"].contains(&name.as_str()) {
            assert_eq!(picture(&text), wanted, "the picture in {name}");
        }
    }
}

/// Rules that are written for people stand in the table with their reasons.
#[test]
fn every_exception_has_a_reason() {
    let reasons = SIDEWAYS.iter().chain(BLIND).map(|(.., why)| *why).chain(NAMED.iter().map(|(.., why)| *why));
    for why in reasons {
        assert!(why.len() > 5, "{why:?} is no reason");
    }
    for lints in ["clippy.toml", "rustfmt.toml", "deny.toml"] {
        assert!(texts().iter().any(|(name, text)| name == lints && text.contains('#')), "{lints} gives no reasons");
    }
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} fault(s):\n{}", faults.len(), faults.join("\n"));
}

fn first((name, _): (String, String)) -> String {
    name
}

const FILE_LIMIT: usize = 400;
const FUNCTION_LIMIT: usize = 60;
