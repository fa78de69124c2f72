//! Variables: where they are defined, what they are in the end, and `${name}` replaced by it.

use std::collections::{BTreeMap, BTreeSet};

use syncplan_model::VariableName;

use crate::code;
use crate::decode::{Context, Shape};
use crate::problem::{Problem, Span};
use crate::suggest::did_you_mean;
use crate::text::Text;
use crate::tree::{Node, Scalar, Value};

/// Values from outside of the manifest.
pub(crate) struct Outside<'a> {
    pub(crate) flags: &'a BTreeMap<String, String>,
    pub(crate) environment: &'a dyn Fn(&str) -> Option<String>,
}

/// The variables of a manifest.
#[derive(Default)]
pub(crate) struct Variables {
    values: BTreeMap<String, String>,
    defined: BTreeMap<String, Span>,
    used: BTreeSet<String>,
}

struct Definition {
    name: VariableName,
    span: Span,
    value: Option<Text>,
    required: bool,
    pattern: Option<(syncplan_model::filter::PathRegex, Span)>,
}

/// What a variable is called in the environment.
pub(crate) fn environment_name(name: &str) -> String {
    format!("SYNCPLAN_VAR_{}", name.to_uppercase().replace(['-', '.'], "_"))
}

impl Variables {
    /// Collects definitions, then takes each value from the nearest place: the flags, the
    /// environment, the profile, the manifest.
    pub(crate) fn read(
        context: &mut Context,
        nodes: &[Node],
        profile: Option<&Node>,
        outside: &Outside<'_>,
    ) -> Self {
        let mut variables = Self::default();
        let mut definitions: Vec<Definition> = Vec::new();
        for node in nodes.iter().filter(|node| node.name.value == "variables") {
            context.shape(
                node,
                &Shape {
                    arguments: 0..=0,
                    properties: &[],
                    block: true,
                    example: "variables { site \"wiki\"; }",
                },
            );
            for child in node.children() {
                definitions.extend(variables.define(context, child));
            }
        }
        let overrides = variables.overrides(context, profile);
        for definition in definitions {
            variables.settle(context, definition, &overrides, outside);
        }
        variables.unknown_flags(context, outside.flags);
        variables
    }

    fn define(&mut self, context: &mut Context, node: &Node) -> Option<Definition> {
        let name = &node.name.value;
        let Ok(checked) = VariableName::new(name) else {
            let plain = name
                .trim_end_matches(':')
                .replace(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c), "-");
            context.tell(
                Problem::new(code::BAD_NAME, format!("`{name}` cannot be the name of a variable"))
                    .label(node.name.span, "letters, digits, `.`, `_` and `-` only")
                    .help(format!("write it like `{plain} \"value\"`")),
            );
            return None;
        };
        if let Some(first) = self.defined.get(name) {
            context.tell(
                Problem::new(code::DUPLICATE_NAME, format!("there are two variables `{name}`"))
                    .label(node.name.span, "defined again here")
                    .label(*first, "first defined here")
                    .help("give one of them another name"),
            );
            return None;
        }
        self.defined.insert(name.clone(), node.name.span);
        let example = "tenant \"acme\" required=#true pattern=\"^[a-z]+$\"";
        let shape = Shape { arguments: 0..=1, properties: &["required", "pattern"], block: false, example };
        if !context.shape(node, &shape) {
            return None;
        }
        let value = node.arguments.first().and_then(|value| literal(context, value, example));
        let required =
            node.property("required").and_then(|value| context.truth(value, example)).unwrap_or(false);
        let pattern = node.property("pattern").and_then(|value| pattern(context, value, example));
        if value.is_none() && !required && node.arguments.is_empty() {
            context.tell(
                Problem::new(
                    code::MISSING_ARGUMENT,
                    format!("the variable `{name}` has no value and is not required"),
                )
                .label(node.name.span, "without either")
                .help(format!("write `{name} \"value\"` or `{name} required=#true`")),
            );
            return None;
        }
        Some(Definition { name: checked, span: node.name.span, value, required, pattern })
    }

    fn overrides(&self, context: &mut Context, profile: Option<&Node>) -> BTreeMap<String, Text> {
        let mut overrides = BTreeMap::new();
        let blocks = profile
            .iter()
            .flat_map(|profile| profile.children())
            .filter(|node| node.name.value == "variables");
        for node in blocks.flat_map(Node::children) {
            let name = &node.name.value;
            if !self.defined.contains_key(name) {
                context.tell(
                    Problem::new(
                        code::PROFILE_ADDS,
                        format!("the profile sets a variable `{name}` that does not exist"),
                    )
                    .label(node.name.span, "not defined outside of the profile")
                    .maybe_help(did_you_mean(name, self.defined.keys().map(String::as_str))),
                );
                continue;
            }
            let example = "site \"wiki-prod\"";
            if context.shape(node, &Shape { arguments: 1..=1, properties: &[], block: false, example }) {
                let value = node.arguments.first().and_then(|value| literal(context, value, example));
                overrides.extend(value.map(|value| (name.clone(), value)));
            }
        }
        overrides
    }

    fn settle(
        &mut self,
        context: &mut Context,
        definition: Definition,
        overrides: &BTreeMap<String, Text>,
        outside: &Outside<'_>,
    ) {
        let name = definition.name.as_str();
        let variable = environment_name(name);
        let flag = outside.flags.get(name).map(|value| (value.clone(), definition.span, "--var".to_owned()));
        let environment =
            || (outside.environment)(&variable).map(|value| (value, definition.span, variable.clone()));
        let written = overrides.get(name).or(definition.value.as_ref());
        let here = || written.map(|text| (text.value.clone(), text.span, "the manifest".to_owned()));
        let Some((value, span, origin)) = flag.or_else(environment).or_else(here) else {
            if definition.required {
                context.tell(
                    Problem::new(code::MISSING_VARIABLE, format!("the variable `{name}` has no value"))
                        .label(definition.span, "required here")
                        .help(format!("give it one: `--var {name}=…`, or `{variable}` in the environment")),
                );
            }
            return self.insert(name, String::new());
        };
        if let Some((pattern, at)) = definition.pattern
            && !pattern.is_match(value.as_bytes())
        {
            let problem = Problem::new(
                code::VARIABLE_PATTERN,
                format!("the value of `{name}`, from {origin}, does not match its pattern"),
            )
            .label(span, if span == definition.span { "this variable" } else { "this value" })
            .label(at, "does not match this");
            context.tell(problem.help("change the value, or the pattern"));
        }
        self.insert(name, value);
    }

    fn insert(&mut self, name: &str, value: String) {
        self.values.insert(name.to_owned(), value);
    }

    fn unknown_flags(&self, context: &mut Context, flags: &BTreeMap<String, String>) {
        for name in flags.keys().filter(|name| !self.defined.contains_key(*name)) {
            context.tell(
                Problem::new(
                    code::UNKNOWN_VARIABLE,
                    format!("`--var {name}=…` sets a variable that the manifest does not define"),
                )
                .maybe_help(did_you_mean(name, self.defined.keys().map(String::as_str))),
            );
        }
    }

    /// Replaces `${name}` in every string below these nodes.
    pub(crate) fn replace_all(&mut self, context: &mut Context, nodes: &mut [Node]) {
        for node in nodes.iter_mut().filter(|node| node.name.value != "variables") {
            let values = node.arguments.iter_mut().chain(node.properties.iter_mut().map(|(_, value)| value));
            values.for_each(|value| {
                if let Scalar::Text(text) = &mut value.scalar {
                    *text = self.replace(context, text);
                }
            });
            self.replace_all(context, node.children.as_deref_mut().unwrap_or_default());
        }
    }

    fn replace(&mut self, context: &mut Context, text: &Text) -> Text {
        if !text.value.contains("${") {
            return text.clone();
        }
        let mut replaced = text.emptied();
        let characters: Vec<_> = text.characters().collect();
        let is = |at: usize, c: char| characters.get(at).is_some_and(|(found, _)| *found == c);
        let mut at = 0;
        while let Some((c, origin)) = characters.get(at) {
            if *c == '$' && is(at + 1, '$') && is(at + 2, '{') {
                replaced.push('$', origin.start..characters[at + 1].1.end);
                replaced.push('{', characters[at + 2].1.clone());
                at += 3;
            } else if *c == '$' && is(at + 1, '{') {
                let end = (at..characters.len()).find(|&end| is(end, '}')).unwrap_or(characters.len());
                let whole = origin.start..characters[end.min(characters.len() - 1)].1.end;
                let name: String = characters[(at + 2).min(end)..end].iter().map(|(c, _)| *c).collect();
                let span = Span { start: whole.start, end: whole.end, ..text.span };
                let value = self.value(context, &name, end < characters.len(), span);
                value.chars().for_each(|c| replaced.push(c, whole.clone()));
                at = end + 1;
            } else {
                replaced.push(*c, origin.clone());
                at += 1;
            }
        }
        replaced
    }

    /// The value of `${name}`; a stand-in where there is none, so that the rest can be read.
    fn value(&mut self, context: &mut Context, name: &str, closed: bool, span: Span) -> String {
        if !closed || VariableName::new(name).is_err() {
            context.tell(
                Problem::new(code::VARIABLE_SYNTAX, "this is not a variable")
                    .label(span, "expected `${name}`")
                    .help("write `$${` for a literal `${`"),
            );
            return "x".to_owned();
        }
        self.used.insert(name.to_owned());
        if let Some(value) = self.values.get(name) {
            return value.clone();
        }
        if !self.defined.contains_key(name) {
            let help = did_you_mean(name, self.defined.keys().map(String::as_str))
                .unwrap_or_else(|| format!("define it: `variables {{ {name} \"…\"; }}`"));
            context.tell(
                Problem::new(code::UNKNOWN_VARIABLE, format!("there is no variable `{name}`"))
                    .label(span, "not defined")
                    .help(help),
            );
        }
        "x".to_owned()
    }

    /// Warns of variables that nothing uses.
    pub(crate) fn warn_unused(&self, context: &mut Context) {
        for (name, span) in self.defined.iter().filter(|(name, _)| !self.used.contains(*name)) {
            context.tell(
                Problem::new(code::UNUSED_VARIABLE, format!("nothing uses the variable `{name}`"))
                    .label(*span, "never used")
                    .help(format!("remove it, or use it as `${{{name}}}`"))
                    .warning(),
            );
        }
    }

    pub(crate) fn into_values(self) -> BTreeMap<VariableName, String> {
        let named = self.values.into_iter().map(|(name, value)| Some((VariableName::new(name).ok()?, value)));
        named.flatten().collect()
    }
}

/// The text of a variable; another variable in it would never be replaced.
fn literal(context: &mut Context, value: &Value, example: &str) -> Option<Text> {
    let text = context.text_of(value, example)?.clone();
    if text.value.contains("${") {
        context.tell(
            Problem::new(code::VARIABLE_SYNTAX, "a variable cannot use another")
                .label(text.span, "not replaced here")
                .help("write the value out, or join the variables where they are used"),
        );
    }
    Some(text)
}

/// A regular expression that has to match all of the value.
fn pattern(
    context: &mut Context,
    value: &Value,
    example: &str,
) -> Option<(syncplan_model::filter::PathRegex, Span)> {
    let text = context.text_of(value, example)?.clone();
    let whole = format!("^(?:{})$", text.value);
    syncplan_model::filter::PathRegex::new(&whole)
        .map_err(|error| {
            context.tell(
                Problem::new(code::BAD_PATTERN, "the regular expression does not compile")
                    .label(text.span, error.to_string())
                    .help("write it like `pattern=\"^[a-z0-9-]+$\"`"),
            );
        })
        .map(|pattern| (pattern, text.span))
        .ok()
}
