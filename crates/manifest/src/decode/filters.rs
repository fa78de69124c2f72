use std::collections::BTreeMap;
use std::sync::Arc;

use syncplan_model::filter::{Filter, MAX_FILTER_DEPTH, NamedFilter, Term};
use syncplan_model::{ActionFilter, EntryFilter, FilterName};

use super::context::Context;
use super::names;
use super::settings::Shape;
use crate::code;
use crate::filter::{self, FilterScope};
use crate::problem::{Mistake, Problem};
use crate::text::Text;
use crate::tree::Node;

/// All named filters, whatever their order: one may use another that is defined further down.
pub(super) fn decode<'n>(
    context: &mut Context,
    nodes: impl Iterator<Item = &'n Node>,
    tasks: &[String],
) -> (Vec<Arc<NamedFilter>>, FilterScope) {
    let named = names::unique(context, nodes, "filter", FilterName::new);
    let mut definitions = BTreeMap::new();
    let mut order = Vec::new();
    for (name, node) in named {
        if let Some(text) = definition(context, &name, node) {
            order.push(name.to_string());
            definitions.insert(name.to_string(), (name, text));
        }
    }
    let mut resolver =
        Resolver { context, definitions, scope: FilterScope::with_tasks(tasks.to_vec()), path: Vec::new() };
    order.iter().for_each(|name| resolver.resolve(name));
    let scope = resolver.scope;
    let filters = order.iter().filter_map(|name| scope.filter(name).cloned().flatten()).collect();
    (filters, scope)
}

fn definition(context: &mut Context, name: &FilterName, node: &Node) -> Option<Text> {
    if Term::NAMES.contains(&name.as_str()) || matches!(name.as_str(), "and" | "or" | "not") {
        let span = node.arguments.first().map_or(node.name.span, |value| value.span);
        context.tell(
            Problem::new(code::BAD_NAME, format!("`{name}` is a word of the filter language"))
                .label(span, "already taken")
                .help(format!("write `my-{name}`")),
        );
        return None;
    }
    let example = "filter junk \"name('*.tmp')\"";
    let shape = Shape { arguments: 2..=2, properties: &[], block: false, example };
    if !context.shape(node, &shape) {
        return None;
    }
    context.text_of(node.arguments.get(1)?, example).cloned()
}

struct Resolver<'c> {
    context: &'c mut Context,
    definitions: BTreeMap<String, (FilterName, Text)>,
    scope: FilterScope,
    /// The filters that are being resolved, each used by the one before.
    path: Vec<String>,
}

impl Resolver<'_> {
    fn resolve(&mut self, name: &str) {
        if self.scope.filter(name).is_some() {
            return;
        }
        let Some((own, text)) = self.definitions.get(name).cloned() else { return };
        self.path.push(name.to_owned());
        for (used, range) in filter::references(&text.value) {
            self.context.used_filters.insert(used.clone());
            if self.path.contains(&used) {
                self.cycle(&used, &text, range);
            } else if self.path.len() <= MAX_FILTER_DEPTH {
                self.resolve(&used);
            }
        }
        self.path.pop();
        if self.scope.filter(name).is_none() {
            let filter = self.read(&text);
            self.scope.define(name, filter.map(|filter| Arc::new(NamedFilter::new(own, filter))));
        }
    }

    fn read(&mut self, text: &Text) -> Option<Filter> {
        match filter::parse(&text.value, &self.scope) {
            Ok(parsed) => {
                warn_if_void(self.context, text, &parsed.filter);
                Some(parsed.filter)
            }
            Err(mistakes) => {
                mistakes.into_iter().for_each(|mistake| self.context.mistake(text, mistake));
                None
            }
        }
    }

    fn cycle(&mut self, used: &str, text: &Text, range: std::ops::Range<usize>) {
        let start = self.path.iter().position(|name| name == used).unwrap_or(0);
        let mut way = self.path[start..].to_vec();
        way.push(used.to_owned());
        let mistake = Mistake::new(
            code::FILTER_CYCLE,
            range,
            format!("the filter `{used}` uses itself"),
            "and so on, for ever",
        )
        .help(way.join(" uses "));
        self.context.mistake(text, mistake);
        // Whoever uses one of them has nothing more to tell.
        self.path[start..].iter().for_each(|name| self.scope.define(name, None));
    }
}

fn warn_if_void(context: &mut Context, text: &Text, filter: &Filter) {
    if let Some(mistake) = filter::void(filter, text.value.len()) {
        let problem = mistake.locate(|range| text.locate(range)).warning();
        context.tell(problem);
    }
}

/// A filter for entries, as a setting of a task.
pub(super) fn entry(
    context: &mut Context,
    node: &Node,
    example: &str,
    scope: &FilterScope,
) -> Option<EntryFilter> {
    let text = context.text(node, example)?;
    note_references(context, text);
    let read = filter::entry_filter(&text.value, scope);
    told(context, text, read).inspect(|filter| warn_if_void(context, text, filter.filter()))
}

/// A filter for actions, as a setting of a task.
pub(super) fn action(
    context: &mut Context,
    node: &Node,
    example: &str,
    scope: &FilterScope,
) -> Option<ActionFilter> {
    let text = context.text(node, example)?;
    note_references(context, text);
    let read = filter::action_filter(&text.value, scope);
    told(context, text, read).inspect(|filter| warn_if_void(context, text, filter.filter()))
}

fn note_references(context: &mut Context, text: &Text) {
    context.used_filters.extend(filter::references(&text.value).into_iter().map(|(name, _)| name));
}

fn told<T>(context: &mut Context, text: &Text, read: Result<T, Vec<Mistake>>) -> Option<T> {
    read.map_err(|mistakes| mistakes.into_iter().for_each(|mistake| context.mistake(text, mistake))).ok()
}
