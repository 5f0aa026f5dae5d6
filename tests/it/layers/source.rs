//! The sources as the layer tests read them: files, and their lines without comments, blanks and test modules.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// One file of `src/`.
pub struct Source {
    /// Below `src/`, such as `store/sled/mod.rs`.
    pub path: String,
    pub text: String,
    /// Code lines with their numbers.
    pub code: Vec<(usize, String)>,
}

impl Source {
    /// The module of the crate it belongs to: the first folder or the file's name.
    pub fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// A test module in a file of its own.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs")
    }

    /// How many `super` lead to the crate's root.
    pub fn depth(&self) -> usize {
        self.path.trim_end_matches("/mod.rs").split('/').count()
    }

    /// `src/FILE:LINE`.
    pub fn at(&self, line: usize) -> String {
        format!("src/{}:{line}", self.path)
    }

    /// Code lines in which `word` stands as a whole word (it may be a path).
    pub fn naming<'s>(&'s self, word: &'s str) -> impl Iterator<Item = (usize, &'s str)> {
        self.code.iter().filter(move |(_, line)| words(line, word).next().is_some()).map(|(at, line)| (*at, &**line))
    }

    /// Its functions with a body: first line, and how many code lines from signature to closing brace.
    pub fn functions(&self) -> Vec<(usize, usize)> {
        let starts = |line: &str| words(line, "fn").next().is_some_and(|rest| rest.starts_with(' '));
        let begins = self.code.iter().enumerate().filter(|(_, (_, line))| starts(line)).map(|(index, _)| index);
        begins.filter_map(|index| Some((self.code[index].0, length(&self.code[index..])?))).collect()
    }

    /// The modules of the crate that it names as `ROOT::MODULE`, each with its first line.
    pub fn imports(&self, root: &str) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for (at, line) in &self.code {
            for rest in words(line, root) {
                let Some(rest) = rest.strip_prefix("::") else { continue };
                let module: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                found.entry(module).or_insert(*at);
            }
        }
        found
    }
}

/// Lines up to the brace that closes the first one opened; `None` for a signature alone.
fn length(code: &[(usize, String)]) -> Option<usize> {
    let mut depth = 0;
    for (index, (_, line)) in code.iter().enumerate() {
        for c in line.chars() {
            match c {
                ';' if depth == 0 && line.ends_with(';') => return None,
                '{' => depth += 1,
                '}' if depth == 1 => return Some(index + 1),
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    None
}

/// What follows each whole-word occurrence of `word`. A word in lower case is a crate or a module of the root: only
/// the start of a path counts.
fn words<'l>(line: &'l str, word: &'l str) -> impl Iterator<Item = &'l str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let anywhere = word.starts_with(char::is_uppercase);
    line.match_indices(word).filter_map(move |(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let begins = !before.ends_with(is_part) && (anywhere || !before.ends_with("::"));
        let whole = begins && !after.starts_with(is_part);
        whole.then_some(after)
    })
}

/// Every file of `src/`, in order.
pub fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(read_sources);
    &SOURCES
}

fn read_sources() -> Vec<Source> {
    let src = root().join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    assert!(paths.len() > 50, "{} is not where the sources are", src.display());
    paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).unwrap();
            let path = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
            Source { code: code(&text), path, text }
        })
        .collect()
}

/// Every file of the repository that is text; what git does not see and what tools make is left out.
pub fn texts() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(&root(), &mut paths);
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_str()?.to_owned();
        Some((name, fs::read_to_string(path).ok()?))
    };
    paths.iter().filter_map(read).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_str().unwrap_or_default();
        match path.is_dir() {
            _ if [".git", ".tools", "target", "data", "__pycache__"].contains(&name) => {}
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Lines that are neither blank nor comment, up to the test module at the end of a file. rustfmt keeps a top-level
/// module's end in the first column.
pub fn code(text: &str) -> Vec<(usize, String)> {
    let bare = bare(text);
    let (mut code, mut lines) = (Vec::new(), bare.lines().enumerate().peekable());
    while let Some((at, line)) = lines.next() {
        let opens_tests = |next: &&(usize, &str)| next.1.starts_with("mod ") && next.1.ends_with('{');
        if line == "#[cfg(test)]" && lines.peek().is_some_and(|next| opens_tests(&next)) {
            lines.by_ref().find(|(_, line)| *line == "}");
        } else if !line.trim().is_empty() {
            code.push((at + 1, line.trim().to_owned()));
        }
    }
    code
}

/// The text without comments, with a dot for each character of a string or character literal; lines stay lines.
fn bare(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let (taken, hidden) = token(rest, out.chars().last());
        match hidden {
            Some(cover) => out.extend(taken.chars().filter_map(|c| if c == '\n' { Some(c) } else { cover })),
            None => out.push(c),
        }
        rest = &rest[taken.len()..];
    }
    out
}

/// The next piece of a text, and whether it is hidden: comments by nothing, literals by dots.
fn token(rest: &str, before: Option<char>) -> (&str, Option<Option<char>>) {
    let after_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return (&rest[..rest.find('\n').unwrap_or(rest.len())], Some(None));
    }
    if rest.starts_with('r') && !after_word {
        let marks = rest[1..].chars().take_while(|c| *c == '#').count();
        if rest[1 + marks..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(marks));
            let body = 2 + marks;
            let len = rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len());
            return (&rest[..len], Some(Some('.')));
        }
    }
    if rest.starts_with('"') {
        return (&rest[..quoted(rest, '"')], Some(Some('.')));
    }
    // 'a' and '\n' are literals, 'a is a lifetime.
    let mut inside = rest.strip_prefix('\'').into_iter().flat_map(str::chars);
    if let (Some(first), second) = (inside.next(), inside.next())
        && (first == '\\' || second == Some('\''))
    {
        return (&rest[..quoted(rest, '\'')], Some(Some('.')));
    }
    (&rest[..rest.chars().next().map_or(0, char::len_utf8)], None)
}

/// The length of a literal between marks, with both of them.
fn quoted(rest: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == mark => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = "//! no\nlet a = \"x // \\\" y\"; // no\nlet b: &'a str = r#\"\"z\"\"#;\nlet c = '\"';\n\n#[cfg(test)]\nmod tests {\n    no\n}\nend\n";
    let lines: Vec<String> = code(text).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, ["let a = ...........;", "let b: &'a str = ........;", "let c = ...;", "end"]);
}
