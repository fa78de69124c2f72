use syncplan_model::spec::{Guard, GuardLevel, MaxDelete};

use super::context::Context;
use super::settings::{Setting, Settings, Shape};
use crate::code;
use crate::problem::Problem;
use crate::quantity;
use crate::tree::Node;

pub(super) const SETTINGS: &[Setting] = &[
    Setting::one("empty-source", "empty-source hard"),
    Setting::one("max-delete", "max-delete count=1000 percent=50 bytes=\"50GiB\""),
    Setting::one("max-change", "max-change percent=80"),
];

pub(super) fn decode(context: &mut Context, node: &Node) -> Guard {
    let settings = Settings::of(context, node, SETTINGS, &[], 0);
    let mut guard = Guard::default();
    if let Some((node, example)) = settings.get("empty-source") {
        let level = context.word(node, GuardLevel::ALL, GuardLevel::as_str, example);
        guard.empty_source = level.unwrap_or(guard.empty_source);
    }
    if let Some((node, example)) = settings.get("max-delete") {
        let stated = max_delete(context, node, example);
        // A count is one more limit; the percentage stands unless it is stated.
        guard.max_delete = MaxDelete { percent: stated.percent.or(guard.max_delete.percent), ..stated };
    }
    if let Some((node, example)) = settings.get("max-change") {
        let shape = Shape { arguments: 0..=0, properties: &["percent"], block: false, example };
        if context.shape(node, &shape) {
            guard.max_change_percent = context
                .required_property(node, "percent", example)
                .and_then(|value| context.number(&value, 0..=100, example))
                .and_then(|percent| u8::try_from(percent).ok());
        }
    }
    guard
}

fn max_delete(context: &mut Context, node: &Node, example: &str) -> MaxDelete {
    let shape = Shape { arguments: 0..=0, properties: &["count", "percent", "bytes"], block: false, example };
    if !context.shape(node, &shape) {
        return MaxDelete::default();
    }
    if node.properties.is_empty() {
        context.tell(
            Problem::new(code::MISSING_PROPERTY, "`max-delete` names no limit")
                .label(node.name.span, "expected `count=`, `percent=` or `bytes=`")
                .help(format!("write it like `{example}`")),
        );
    }
    let percent = node.property("percent").and_then(|value| context.number(value, 0..=100, example));
    MaxDelete {
        count: node.property("count").and_then(|value| context.number(value, 0..=u64::MAX, example)),
        percent: percent.and_then(|percent| u8::try_from(percent).ok()),
        bytes: node.property("bytes").and_then(|value| context.quantity(value, quantity::size, example)),
    }
}
