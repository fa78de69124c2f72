//! Reads the manifest and all that it includes.

use std::collections::BTreeSet;

use syncplan_model::spec::ManifestFile;
use syncplan_model::{Digest, Escaped};

use crate::code;
use crate::problem::{FileId, Problem, Span};
use crate::source::{SourceError, SourceFile, Sources};
use crate::tree::{Node, Scalar};
use crate::{bounds, syntax, tree};

/// How many files a manifest may have.
const MAX_FILES: usize = 64;

/// The files of a manifest, and their nodes in the order of reading.
#[derive(Default)]
pub(crate) struct Included {
    pub(crate) files: Vec<SourceFile>,
    pub(crate) digests: Vec<ManifestFile>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) problems: Vec<Problem>,
    /// A file could not be read or parsed: what it defines is missing elsewhere.
    pub(crate) incomplete: bool,
    /// The files that are being read, each named by the one before.
    path: Vec<(String, Option<Span>)>,
    read: BTreeSet<String>,
}

/// Reads everything, from the manifest on.
pub(crate) fn read(sources: &dyn Sources, entry: &str) -> Included {
    let mut included = Included::default();
    included.file(sources, entry, None, false);
    included
}

impl Included {
    fn file(&mut self, sources: &dyn Sources, path: &str, from: Option<Span>, optional: bool) {
        match sources.read(path) {
            Ok(bytes) => self.content(sources, path, from, &bytes),
            Err(SourceError::NotFound) if optional => {}
            Err(error) => {
                self.incomplete = true;
                self.problems.push(unreadable(path, from, &error));
            }
        }
    }

    fn content(&mut self, sources: &dyn Sources, path: &str, from: Option<Span>, bytes: &[u8]) {
        self.read.insert(path.to_owned());
        self.digests.push(ManifestFile { path: path.to_owned(), digest: Digest::of(bytes) });
        let file = FileId(self.files.len());
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(error) => return self.not_utf8(path, bytes, error.valid_up_to()),
        };
        self.files.push(SourceFile { path: path.to_owned(), text: text.clone() });
        if text.starts_with('\u{feff}') {
            self.incomplete = true;
            let problem = Problem::new(code::BYTE_ORDER_MARK, "the file begins with a byte order mark")
                .label(Span::new(file, 0..3), "three bytes that no editor shows")
                .help("save the file as \"UTF-8 without BOM\"");
            return self.problems.push(problem);
        }
        match parse(file, &text, from.is_none()) {
            Ok(document) => {
                let nodes = tree::read(file, &text, &document, &mut self.problems);
                self.path.push((path.to_owned(), from));
                nodes.into_iter().for_each(|node| self.node(sources, path, node));
                self.path.pop();
            }
            Err(problems) => {
                self.incomplete = true;
                self.problems.extend(problems);
            }
        }
    }

    /// The text is shown with the bytes that are none replaced.
    fn not_utf8(&mut self, path: &str, bytes: &[u8], valid: usize) {
        self.incomplete = true;
        let file = FileId(self.files.len());
        // Only as much as a line of context: the rest of a binary file is of no use.
        let shown = &bytes[..bytes.len().min(valid + 80)];
        let text = String::from_utf8_lossy(shown).into_owned();
        self.files.push(SourceFile { path: path.to_owned(), text });
        self.problems.push(
            Problem::new(
                code::NOT_UTF8,
                format!("the file is not UTF-8: byte {} is 0x{:02x}", valid + 1, bytes[valid]),
            )
            .label(Span::new(file, valid..valid + 3), "the first byte that is not")
            .help("save the file as UTF-8"),
        );
    }

    fn node(&mut self, sources: &dyn Sources, own: &str, node: Node) {
        if node.name.value != "include" {
            return self.nodes.push(node);
        }
        let Some((target, span, optional)) = self.target(own, &node) else { return };
        if let Some(start) = self.path.iter().position(|(path, _)| *path == target) {
            return self.problems.push(self.cycle(start, span));
        }
        if self.read.contains(&target) {
            return self.problems.push(
                Problem::new(code::DUPLICATE_SETTING, format!("`{}` is included twice", shown(&target)))
                    .label(span, "included again here")
                    .help("remove one of the two"),
            );
        }
        if self.files.len() >= MAX_FILES {
            return self.problems.push(
                Problem::new(code::INCLUDE_LIMIT, format!("a manifest has at most {MAX_FILES} files"))
                    .label(span, "one too many"),
            );
        }
        self.file(sources, &target, Some(span), optional);
    }

    /// The file that an `include` names.
    fn target(&mut self, own: &str, node: &Node) -> Option<(String, Span, bool)> {
        let mut context = crate::decode::Context::default();
        let example = "include \"shared/guards.kdl\" optional=#true";
        let shape =
            crate::decode::Shape { arguments: 1..=1, properties: &["optional"], block: false, example };
        let fits = context.shape(node, &shape);
        let text = node
            .arguments
            .first()
            .filter(|_| fits)
            .and_then(|value| context.text_of(value, example))
            .cloned();
        let optional =
            node.property("optional").filter(|_| fits).and_then(|value| context.truth(value, example));
        self.problems.append(&mut context.problems);
        let text = text?;
        if text.value.contains("${") {
            self.problems.push(
                Problem::new(code::VARIABLE_SYNTAX, "an include cannot use a variable")
                    .label(text.span, "read before variables are known")
                    .help("include both files, one of them with `optional=#true`, or use a profile"),
            );
            return None;
        }
        let Some(target) = resolve(own, &text.value) else {
            self.problems.push(
                Problem::new(code::INCLUDE_OUTSIDE, "the include is not below the manifest's folder")
                    .label(text.span, "leads out of it")
                    .help("copy or link the file into the folder, and name it by a relative path"),
            );
            return None;
        };
        let optional = optional.unwrap_or(false)
            && !matches!(node.property("optional").map(|v| &v.scalar), Some(Scalar::Null));
        Some((target, text.span, optional))
    }

    fn cycle(&self, start: usize, span: Span) -> Problem {
        let way = &self.path[start..];
        let names: Vec<String> = way.iter().chain(way.first()).map(|(path, _)| shown(path)).collect();
        let inner = way.iter().skip(1).filter_map(|(_, from)| *from);
        inner.fold(
            Problem::new(code::INCLUDE_CYCLE, format!("`{}` includes itself", names[0]))
                .label(span, "included again here")
                .help(names.join(" includes ")),
            |problem, from| problem.label(from, "on the way"),
        )
    }
}

fn parse(file: FileId, text: &str, is_entry: bool) -> Result<kdl::KdlDocument, Vec<Problem>> {
    bounds::check(file, text).map_err(|problem| vec![problem])?;
    let document = syntax::parse(file, text)?;
    if is_entry && document.nodes().is_empty() {
        return Err(vec![
            Problem::new(code::EMPTY, "the manifest is empty")
                .label(Span::new(file, 0..0), "nothing in it")
                .help("it begins with `syncplan format=1`; docs/manifest.md shows a whole one"),
        ]);
    }
    let versioned = document.nodes().iter().any(|node| node.name().value() == "syncplan");
    if is_entry && !versioned {
        let first = document.nodes().first().map_or(0..0, |node| {
            let span = node.name().span();
            span.offset()..span.offset() + span.len()
        });
        return Err(vec![
            Problem::new(code::MISSING_NODE, "the manifest does not say which format it has")
                .label(Span::new(file, first), "the first node")
                .help("write `syncplan format=1` before it"),
        ]);
    }
    Ok(document)
}

/// A path relative to the file that names it, as a path relative to the manifest's folder.
fn resolve(own: &str, target: &str) -> Option<String> {
    if target.is_empty() || target.starts_with('/') || target.contains(['\\', '\0']) {
        return None;
    }
    let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn unreadable(path: &str, from: Option<Span>, error: &SourceError) -> Problem {
    let shown = shown(path);
    let (code, message) = match error {
        SourceError::NotFound => (code::NOT_FOUND, format!("`{shown}` does not exist")),
        SourceError::Other(why) => (code::UNREADABLE, format!("`{shown}` could not be read: {why}")),
    };
    let problem = Problem::new(code, message);
    match from {
        Some(span) if *error == SourceError::NotFound => problem
            .label(span, "included here")
            .help(format!("if it may be missing, write `include \"{shown}\" optional=#true`")),
        Some(span) => problem.label(span, "included here"),
        None if *error == SourceError::NotFound => problem.help(
            "name another with `-f FILE` or `-C DIR`, or write one: docs/manifest.md shows a whole one",
        ),
        None => problem,
    }
}

fn shown(path: &str) -> String {
    Escaped(path.as_bytes()).to_string()
}
