use std::ops::RangeInclusive;

use super::context::Context;
use crate::code;
use crate::problem::{Problem, Span};
use crate::suggest::{did_you_mean, list, nearest};
use crate::tree::Node;

/// A node that may stand in a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
    pub(crate) many: bool,
}

impl Setting {
    /// A setting that stands there once at most.
    pub(crate) const fn one(name: &'static str, example: &'static str) -> Self {
        Self { name, example, many: false }
    }

    /// A setting that may be repeated.
    pub(crate) const fn many(name: &'static str, example: &'static str) -> Self {
        Self { name, example, many: true }
    }
}

/// What a node consists of.
pub(crate) struct Shape<'a> {
    pub(crate) arguments: RangeInclusive<usize>,
    pub(crate) properties: &'a [&'a str],
    pub(crate) block: bool,
    pub(crate) example: &'a str,
}

/// The settings in the block of a node, checked against those that it knows.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'n> {
    pub(crate) node: &'n Node,
    known: &'static [Setting],
}

impl<'n> Settings<'n> {
    /// Takes the block of a node whose head is `<node> <arguments…> <properties…>`.
    pub(crate) fn of(
        context: &mut Context,
        node: &'n Node,
        known: &'static [Setting],
        properties: &[&str],
        arguments: usize,
    ) -> Self {
        let settings = Self { node, known };
        settings.head(context, properties, arguments);
        node.children().iter().for_each(|child| settings.child(context, child, properties));
        settings.repeated(context);
        settings
    }

    /// The settings of one name; more than one only where it may be repeated.
    pub(crate) fn all(&self, name: &'static str) -> impl Iterator<Item = &'n Node> + use<'n> {
        self.node.children().iter().filter(move |child| child.name.value == name)
    }

    pub(crate) fn get(&self, name: &'static str) -> Option<(&'n Node, &'static str)> {
        self.all(name).next().map(|node| (node, self.example(name)))
    }

    pub(crate) fn required(
        &self,
        context: &mut Context,
        name: &'static str,
    ) -> Option<(&'n Node, &'static str)> {
        let found = self.get(name);
        if found.is_none() && !context_told_about(context, self.node, name) {
            context.tell(
                Problem::new(code::MISSING_NODE, format!("{} needs `{name}`", self.title()))
                    .label(self.node.head, format!("has no `{name}`"))
                    .help(format!("add `{}` to its block", self.example(name))),
            );
        }
        found
    }

    pub(crate) fn example(&self, name: &str) -> &'static str {
        self.known.iter().find(|setting| setting.name == name).map_or("", |setting| setting.example)
    }

    /// "the store `oss`"
    pub(crate) fn title(&self) -> String {
        let node = &self.node.name.value;
        match self.node.text() {
            Some(name) => format!("the {node} `{}`", name.value),
            None => format!("`{node}`"),
        }
    }

    fn head(&self, context: &mut Context, properties: &[&str], arguments: usize) {
        if let Some(extra) = self.node.arguments.get(arguments) {
            let word = extra.text().map(|text| text.value.as_str());
            let help = match word.filter(|word| self.known.iter().any(|setting| setting.name == *word)) {
                Some(setting) => format!("settings stand in the block: `{}`", self.example(setting)),
                None => "remove it, or give it its key".to_owned(),
            };
            context.tell(
                Problem::new(
                    code::EXTRA_ARGUMENT,
                    format!("`{}` has an argument too many", self.node.name.value),
                )
                .label(extra.span, "too many")
                .help(help),
            );
        }
        for (key, value) in &self.node.properties {
            if properties.contains(&key.value.as_str()) {
                continue;
            }
            let setting = self.known.iter().find(|setting| setting.name == key.value);
            context.tell(match setting {
                Some(_) => {
                    let shown = match crate::mask::SECRET_SETTINGS.contains(&key.value.as_str()) {
                        true => self.example(&key.value).trim_start_matches(&key.value).trim_start(),
                        false => &value.written,
                    };
                    Problem::new(
                        code::NODE_AS_PROPERTY,
                        format!("`{}` is a setting of its own, not a property", key.value),
                    )
                    .label(key.span, "given as a property")
                    .help(format!("put it into the block: `{} {shown}`", key.value))
                }
                None => Problem::new(
                    code::UNKNOWN_PROPERTY,
                    format!("`{}` has no property `{}`", self.node.name.value, key.value),
                )
                .label(key.span, "unknown property")
                .maybe_help(self.meant(&key.value, properties)),
            });
        }
    }

    fn child(&self, context: &mut Context, child: &Node, properties: &[&str]) {
        let name = &child.name.value;
        let names = self.known.iter().map(|setting| setting.name);
        if names.clone().any(|known| known == name) || context.colon(child, names.clone()) {
            return;
        }
        if properties.contains(&name.as_str()) {
            let value = child.arguments.first().map_or("…", |value| value.written.as_str());
            return context.tell(
                Problem::new(
                    code::PROPERTY_AS_NODE,
                    format!("`{name}` is a property of `{}`", self.node.name.value),
                )
                .label(child.name.span, "given as a node")
                .help(format!("write `{} … {name}={value} {{`", self.node.name.value)),
            );
        }
        if name == "path" && self.known.iter().any(|setting| setting.name == "remote") {
            return context.tell(
                Problem::new(code::PROPERTY_AS_NODE, "`path` is a property of `local` and `remote`")
                    .label(child.name.span, "given as a node")
                    .help("write `local laptop path=\"images\"`"),
            );
        }
        context.tell(
            Problem::new(code::UNKNOWN_NODE, format!("{} has no setting `{name}`", self.title()))
                .label(child.name.span, "unknown here")
                .maybe_help(self.meant(name, properties)),
        );
    }

    fn meant(&self, name: &str, properties: &[&str]) -> Option<String> {
        let settings: Vec<&str> = self.known.iter().map(|setting| setting.name).collect();
        if let Some(property) = nearest(name, properties.iter().copied()) {
            return Some(format!("did you mean `{property}=…`?"));
        }
        match nearest(name, settings.iter().copied()) {
            Some(setting) => Some(format!("did you mean `{}`?", self.example(setting))),
            None if settings.is_empty() => did_you_mean(name, properties.iter().copied()),
            None => Some(format!("settings are {}", list(&settings))),
        }
    }

    fn repeated(&self, context: &mut Context) {
        for setting in self.known.iter().filter(|setting| !setting.many) {
            let mut given = self.all(setting.name);
            let Some(first) = given.next() else { continue };
            given.for_each(|again| duplicate(context, setting.name, again.name.span, first.name.span));
        }
    }
}

/// The settings of a block, for those that have no use for the rest.
pub(crate) fn settings_of<'n>(
    context: &mut Context,
    node: &'n Node,
    known: &'static [Setting],
    properties: &[&str],
) -> Settings<'n> {
    Settings::of(context, node, known, properties, 1)
}

pub(super) fn duplicate(context: &mut Context, name: &str, again: Span, first: Span) {
    context.tell(
        Problem::new(code::DUPLICATE_SETTING, format!("`{name}` is given twice"))
            .label(again, "given again here")
            .label(first, "first given here")
            .help("keep one of the two"),
    );
}

/// A setting that was given as a property, or misspelt, is not missing as well.
fn context_told_about(context: &Context, node: &Node, name: &str) -> bool {
    let near = |given: &str| given.trim_end_matches(':') == name || nearest(given, [name]).is_some();
    let property = node.properties.iter().any(|(key, _)| key.value == name);
    let misspelt = node.children().iter().any(|child| {
        near(&child.name.value) && context.problems.iter().any(|p| p.place() == Some(child.name.span))
    });
    property || misspelt
}
