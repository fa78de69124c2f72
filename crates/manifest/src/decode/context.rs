use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::code::{self, Code};
use crate::mask;
use crate::problem::{Mistake, Problem, Span};
use crate::quantity;
use crate::suggest::did_you_mean;
use crate::text::Text;
use crate::tree::{Node, Scalar, Value};

use super::settings::Shape;

/// What all decoders share: where problems are told, and what is collected on the way.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) problems: Vec<Problem>,
    /// Places that no diagnostic may show.
    pub(crate) secrets: Vec<Span>,
    pub(crate) uses: Vec<Use>,
    pub(crate) used_filters: BTreeSet<String>,
}

/// A part of the language that this version may not be able to carry out, where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) feature: Feature,
    pub(crate) owner: Owner,
    pub(crate) span: Span,
}

/// Whose setting it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    Task(String),
    Store(String),
    Database(String),
}

/// Parts of the language that are carried out, or not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    Store(&'static str),
    Task(&'static str),
    Keyring,
}

/// What other tools call it.
fn habit(word: &str) -> Vec<&'static str> {
    match word {
        "file" | "folder" | "fs" | "dir" => vec!["local", "files"],
        "aws" | "minio" | "r2" | "oss" => vec!["s3"],
        "gs" | "google" => vec!["gcs"],
        "ssh" => vec!["sftp"],
        "dav" => vec!["webdav"],
        "https" => vec!["http"],
        "mariadb" => vec!["mysql"],
        "postgresql" => vec!["postgres"],
        "pull" | "download" => vec!["fetch"],
        "upload" => vec!["push"],
        "sync" | "replica" => vec!["mirror"],
        "copy" => vec!["update"],
        "bidirectional" | "both" | "twoway" => vec!["two-way", "keep-both"],
        "ask" | "skip" | "manual" => vec!["hold"],
        "all" | "yes" | "always" => vec!["extra"],
        "none" | "no" => vec!["never", "off"],
        "hash" | "checksum" => vec!["full"],
        "failed" | "error" => vec!["failure"],
        _ => Vec::new(),
    }
}

impl Context {
    pub(crate) fn tell(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(crate) fn uses(&mut self, feature: Feature, owner: &Owner, span: Span) {
        self.uses.push(Use { feature, owner: owner.clone(), span });
    }

    /// A mistake within a text of the manifest.
    pub(crate) fn mistake(&mut self, text: &Text, mistake: Mistake) {
        self.tell(mistake.locate(|range| if text.value.is_empty() { text.span } else { text.locate(range) }));
    }

    /// `name: value`, which KDL takes for a node called `name:`.
    pub(crate) fn colon<'a>(&mut self, node: &Node, mut names: impl Iterator<Item = &'a str>) -> bool {
        let Some(bare) = node.name.value.strip_suffix(':') else { return false };
        let known = names.any(|name| name == bare);
        if known {
            self.tell(
                Problem::new(
                    code::COLON,
                    format!("`{bare}:` has a colon that KDL takes for a part of the name"),
                )
                .label(node.name.span, "no colon here")
                .help(format!("write `{bare} …`, with a space and no colon")),
            );
        }
        known
    }

    /// Checks how many arguments there are, which properties, and whether there is a block.
    pub(crate) fn shape(&mut self, node: &Node, shape: &Shape) -> bool {
        let told = self.problems.len();
        self.arguments(node, &shape.arguments, shape.example);
        let unknown =
            node.properties.iter().filter(|(key, _)| !shape.properties.contains(&key.value.as_str()));
        unknown.for_each(|(key, _)| self.unknown_property(node, &key.value, key.span, shape.properties));
        if node.children.is_some() && !shape.block {
            let first = node.children().first().map_or(node.head, |child| child.name.span);
            self.tell(
                Problem::new(code::EXTRA_BLOCK, format!("`{}` takes no block", node.name.value))
                    .label(first, "in a block")
                    .help(format!("write it like `{}`", shape.example)),
            );
        }
        self.problems.len() == told
    }

    fn arguments(&mut self, node: &Node, expected: &RangeInclusive<usize>, example: &str) {
        let (name, help) = (&node.name.value, format!("write it like `{example}`"));
        if let Some(extra) = node.arguments.get(*expected.end()) {
            let message = match expected.end() {
                0 => format!("`{name}` takes no argument"),
                1 => format!("`{name}` takes one argument"),
                most => format!("`{name}` takes at most {most} arguments"),
            };
            self.tell(Problem::new(code::EXTRA_ARGUMENT, message).label(extra.span, "too many").help(help));
        } else if node.arguments.len() < *expected.start() {
            // `root path="x"`, or `mode value=mirror`: the value is there, in the wrong form.
            let message = format!("`{name}` needs an argument");
            self.tell(
                Problem::new(code::MISSING_ARGUMENT, message).label(node.name.span, "no argument").help(help),
            );
        }
    }

    fn unknown_property(&mut self, node: &Node, key: &str, span: Span, known: &[&str]) {
        let help = match did_you_mean(key, known.iter().copied()) {
            Some(help) => help,
            None => format!("`{}` has no properties", node.name.value),
        };
        let message = format!("`{}` has no property `{key}`", node.name.value);
        self.tell(Problem::new(code::UNKNOWN_PROPERTY, message).label(span, "unknown property").help(help));
    }

    pub(crate) fn required_property(&mut self, node: &Node, key: &str, example: &str) -> Option<Value> {
        let value = node.property(key).cloned();
        if value.is_none() {
            self.tell(
                Problem::new(code::MISSING_PROPERTY, format!("`{}` needs `{key}=`", node.name.value))
                    .label(node.name.span, "without it")
                    .help(format!("write it like `{example}`")),
            );
        }
        value
    }

    pub(crate) fn wrong_type(&mut self, value: &Value, wanted: &str, example: &str) {
        let found = value.scalar.kind();
        let help = match &value.scalar {
            Scalar::Text(_) if wanted.starts_with("`#true`") => format!("write it like `{example}`"),
            Scalar::Integer(_) | Scalar::Float(_) if wanted == "text" => {
                format!("write `\"{}\"`", value.written)
            }
            _ => format!("write it like `{example}`"),
        };
        self.tell(
            Problem::new(code::WRONG_TYPE, format!("expected {wanted}, found {found}"))
                .label(value.span, format!("this is {found}"))
                .help(help),
        );
    }

    /// A value that has to be text. Credentials in URLs are refused wherever they stand.
    pub(crate) fn text_of<'v>(&mut self, value: &'v Value, example: &str) -> Option<&'v Text> {
        let Some(text) = value.text() else {
            self.wrong_type(value, "text", example);
            return None;
        };
        if let Some(range) = mask::credentials(&text.value).next() {
            let span = text.locate(range);
            self.secrets.push(span);
            self.tell(
                Problem::new(code::LITERAL_SECRET, "a URL with credentials in it")
                    .label(span, "this would stand in git for all to read")
                    .help("keep the whole URL elsewhere, as `env=NAME` where the setting takes a secret, or name user and password in settings of their own"),
            );
            return None;
        }
        Some(text)
    }

    /// The only argument of a setting, as text.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, example: &str) -> Option<&'n Text> {
        let shape = Shape { arguments: 1..=1, properties: &[], block: false, example };
        if !self.shape(node, &shape) {
            return None;
        }
        let text = self.text_of(node.arguments.first()?, example)?;
        if text.value.is_empty() {
            self.tell(
                Problem::new(code::OUT_OF_RANGE, format!("`{}` is empty", node.name.value))
                    .label(text.span, "nothing in it")
                    .help(format!("write it like `{example}`, or leave it out")),
            );
            return None;
        }
        Some(text)
    }

    pub(crate) fn string(&mut self, node: &Node, example: &str) -> Option<String> {
        self.text(node, example).map(|text| text.value.clone())
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        node: &Node,
        all: &[T],
        word: fn(T) -> &'static str,
        example: &str,
    ) -> Option<T> {
        let text = self.text(node, example)?;
        self.one_of(&node.name.value, text, all, word)
    }

    pub(crate) fn one_of<T: Copy>(
        &mut self,
        what: &str,
        text: &Text,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> Option<T> {
        let found = all.iter().copied().find(|one| word(*one) == text.value);
        if found.is_none() {
            let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
            self.unknown_word(code::UNKNOWN_VALUE, what, text, &words);
        }
        found
    }

    pub(crate) fn unknown_word(&mut self, code: &'static Code, what: &str, text: &Text, words: &[&str]) {
        let message = match what {
            "kind" => format!("there is no kind `{}`", text.value),
            _ => format!("`{what}` knows no `{}`", text.value),
        };
        let help = match habit(&text.value).into_iter().find(|meant| words.contains(meant)) {
            Some(meant) => Some(format!("did you mean `{meant}`?")),
            None => did_you_mean(&text.value, words.iter().copied()),
        };
        self.tell(Problem::new(code, message).label(text.span, "unknown").maybe_help(help));
    }

    /// A whole number within limits, as an argument or a property.
    pub(crate) fn number(&mut self, value: &Value, range: RangeInclusive<u64>, example: &str) -> Option<u64> {
        let Scalar::Integer(number) = value.scalar else {
            self.wrong_type(value, "a whole number", example);
            return None;
        };
        let fits = u64::try_from(number).ok().filter(|number| range.contains(number));
        if fits.is_none() {
            let most = *range.end();
            let limits = if most == u64::MAX {
                format!("{} or more", range.start())
            } else {
                format!("from {} to {most}", range.start())
            };
            self.tell(
                Problem::new(code::OUT_OF_RANGE, format!("{number} is out of range"))
                    .label(value.span, format!("must be {limits}"))
                    .help(format!("write it like `{example}`")),
            );
        }
        fits
    }

    /// `#true` or `#false`, as an argument or a property.
    pub(crate) fn truth(&mut self, value: &Value, example: &str) -> Option<bool> {
        if let Scalar::Bool(truth) = value.scalar {
            return Some(truth);
        }
        self.wrong_type(value, "`#true` or `#false`", example);
        None
    }

    /// A quantity in text, as an argument or a property.
    pub(crate) fn quantity<T>(
        &mut self,
        value: &Value,
        read: fn(&str, &'static Code) -> Result<T, Mistake>,
        example: &str,
    ) -> Option<T> {
        let text = self.text_of(value, example)?;
        read(&text.value, code::BAD_QUANTITY).map_err(|mistake| self.mistake(text, mistake)).ok()
    }

    /// The only argument of a setting as a duration.
    pub(crate) fn duration(&mut self, node: &Node, example: &str) -> Option<syncplan_model::Period> {
        let shape = Shape { arguments: 1..=1, properties: &[], block: false, example };
        if !self.shape(node, &shape) {
            return None;
        }
        self.quantity(node.arguments.first()?, quantity::duration, example)
    }
}
