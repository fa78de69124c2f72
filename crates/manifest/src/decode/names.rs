use std::collections::BTreeMap;
use std::fmt::Display;

use super::context::Context;
use crate::code::{self, Code};
use crate::problem::{Problem, Span};
use crate::suggest::{did_you_mean, list, nearest};
use crate::text::Text;
use crate::tree::Node;

/// The names that other nodes may refer to.
pub(crate) struct Known {
    pub(crate) stores: Vec<String>,
    pub(crate) databases: Vec<String>,
    pub(crate) tasks: Vec<String>,
}

/// The nodes of one sort by their names; a name that is taken already is told, with both places.
pub(super) fn unique<'n, T, E>(
    context: &mut Context,
    nodes: impl Iterator<Item = &'n Node>,
    what: &str,
    name: fn(String) -> Result<T, E>,
) -> Vec<(T, &'n Node)> {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    let mut unique = Vec::new();
    for node in nodes {
        let Some(text) = self::text(context, node, what) else { continue };
        let Ok(name) = name(text.value.clone()) else {
            bad_name(context, &text, what);
            continue;
        };
        match seen.get(&text.value) {
            Some(first) => context.tell(
                Problem::new(code::DUPLICATE_NAME, format!("there are two {what}s `{}`", text.value))
                    .label(text.span, "defined again here")
                    .label(*first, "first defined here")
                    .help("give one of them another name"),
            ),
            None => {
                seen.insert(text.value.clone(), text.span);
                unique.push((name, node));
            }
        }
    }
    unique
}

/// The name of a node, its first argument.
pub(super) fn text(context: &mut Context, node: &Node, what: &str) -> Option<Text> {
    let Some(value) = node.arguments.first() else {
        context.tell(
            Problem::new(code::MISSING_ARGUMENT, format!("the {what} has no name"))
                .label(node.name.span, "expected a name after this")
                .help(format!("write it like `{}`", example(what))),
        );
        return None;
    };
    context.text_of(value, example(what)).cloned()
}

fn example(what: &str) -> &'static str {
    super::TOP.iter().find(|setting| setting.name == what).map_or("", |setting| setting.example)
}

pub(super) fn bad_name(context: &mut Context, text: &Text, what: &str) {
    let tame: String = text
        .value
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .collect();
    let tame = tame.trim_matches(['-', '.', '_']);
    let help = (!tame.is_empty()).then(|| format!("write `{tame}`"));
    context.tell(
        Problem::new(code::BAD_NAME, format!("`{}` cannot be the name of a {what}", text.value))
            .label(text.span, "letters, digits, `.`, `_` and `-` only")
            .maybe_help(help),
    );
}

/// A name that refers to something that has to exist.
pub(super) fn refer<T, E: Display>(
    context: &mut Context,
    text: &Text,
    what: &str,
    known: &[String],
    code: &'static Code,
    name: fn(String) -> Result<T, E>,
) -> Option<T> {
    if known.contains(&text.value) {
        return name(text.value.clone()).ok();
    }
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let help = match nearest(&text.value, names.iter().copied()) {
        Some(_) => did_you_mean(&text.value, names.iter().copied()),
        None if names.is_empty() => Some(format!("define it: `{}`", example(what))),
        None => Some(format!("{what}s that exist: {}", list(&names))),
    };
    context.tell(
        Problem::new(code, format!("there is no {what} `{}`", text.value))
            .label(text.span, "not defined")
            .maybe_help(help),
    );
    None
}
