use super::Manifest;
use crate::code;
use crate::decode::Context;
use crate::filter;
use crate::problem::Problem;
use crate::tree::Node;

/// Warns of filters that nothing uses, in any profile.
pub(super) fn check(context: &mut Context, manifest: &Manifest<'_>) {
    let profiles = manifest.nodes.iter().filter(|node| node.name.value == "profile");
    let settings = profiles.flat_map(Node::children).flat_map(Node::children);
    for text in settings.filter_map(Node::text) {
        context.used_filters.extend(filter::references(&text.value).into_iter().map(|(name, _)| name));
    }
    for node in manifest.nodes.iter().filter(|node| node.name.value == "filter") {
        let Some(name) = node.text().filter(|name| !context.used_filters.contains(&name.value)) else {
            continue;
        };
        context.tell(
            Problem::new(code::UNUSED_FILTER, format!("nothing uses the filter `{}`", name.value))
                .label(name.span, "never used")
                .help(format!("remove it, or use it: `select \"not {}\"`", name.value))
                .warning(),
        );
    }
}
