//! Profiles: what one states replaces what the manifest states, setting by setting.

use crate::code;
use crate::decode::{Context, Shape};
use crate::problem::Problem;
use crate::suggest::{did_you_mean, list, nearest};
use crate::tree::Node;

/// What a profile may change.
const CHANGEABLE: [&str; 5] = ["variables", "task", "store", "database", "guard"];

/// Finds the chosen profile among all, and checks them all.
pub(crate) fn choose<'n>(context: &mut Context, nodes: &'n [Node], chosen: Option<&str>) -> Option<&'n Node> {
    let profiles: Vec<&Node> = nodes.iter().filter(|node| node.name.value == "profile").collect();
    let mut seen: Vec<&Node> = Vec::new();
    for profile in profiles {
        check(context, nodes, profile);
        let name = profile.text().map(|text| text.value.as_str());
        match seen.iter().find(|other| other.text().map(|text| text.value.as_str()) == name) {
            Some(first) if name.is_some() => context.tell(
                Problem::new(
                    code::DUPLICATE_NAME,
                    format!("there are two profiles `{}`", name.unwrap_or_default()),
                )
                .label(profile.arguments[0].span, "defined again here")
                .label(first.arguments[0].span, "first defined here")
                .help("give one of them another name"),
            ),
            _ => seen.push(profile),
        }
    }
    let chosen = chosen?;
    let found = seen.iter().copied().find(|profile| profile.text().is_some_and(|text| text.value == chosen));
    if found.is_none() {
        let names: Vec<&str> =
            seen.iter().filter_map(|profile| Some(profile.text()?.value.as_str())).collect();
        let help = match nearest(chosen, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "the manifest has no profiles".to_owned(),
            None => format!("profiles that exist: {}", list(&names)),
        };
        context
            .tell(Problem::new(code::UNKNOWN_PROFILE, format!("there is no profile `{chosen}`")).help(help));
    }
    found
}

fn check(context: &mut Context, nodes: &[Node], profile: &Node) {
    let example = "profile prod { variables { site \"wiki-prod\"; }; }";
    context.shape(profile, &Shape { arguments: 1..=1, properties: &[], block: true, example });
    if let Some(text) = profile.arguments.first().and_then(|value| context.text_of(value, example)).cloned()
        && syncplan_model::ProfileName::new(&text.value).is_err()
    {
        context.tell(
            Problem::new(code::BAD_NAME, format!("`{}` cannot be the name of a profile", text.value))
                .label(text.span, "letters, digits, `.`, `_` and `-` only"),
        );
    }
    for change in profile.children() {
        let name = change.name.value.as_str();
        if !CHANGEABLE.contains(&name) {
            if context.colon(change, CHANGEABLE.into_iter()) {
                continue;
            }
            let known = crate::decode::TOP.iter().any(|setting| setting.name == name);
            let (code, message) = if known {
                (code::PROFILE_ADDS, format!("a profile cannot change `{name}`"))
            } else {
                (code::UNKNOWN_NODE, format!("there is no node `{name}`"))
            };
            let help = did_you_mean(name, CHANGEABLE).unwrap_or_default();
            context.tell(Problem::new(code, message).label(change.name.span, "unknown here").help(help));
        } else if name != "variables" && name != "guard" {
            check_target(context, nodes, change);
        }
    }
}

/// What a profile changes has to exist.
fn check_target(context: &mut Context, nodes: &[Node], change: &Node) {
    let sort = change.name.value.as_str();
    let Some(name) = change.text() else {
        context.tell(
            Problem::new(code::MISSING_ARGUMENT, format!("which {sort}?"))
                .label(change.name.span, "no name")
                .help(format!("write `{sort} NAME {{ … }}`")),
        );
        return;
    };
    if target(nodes, change).is_none() {
        let code = match sort {
            "task" => code::UNKNOWN_TASK,
            "store" => code::UNKNOWN_STORE,
            _ => code::UNKNOWN_DATABASE,
        };
        let same_sort = nodes.iter().filter(|node| node.name.value == sort);
        let names: Vec<&str> = same_sort.filter_map(|node| Some(node.text()?.value.as_str())).collect();
        context.tell(
            Problem::new(code, format!("the profile changes a {sort} `{}` that does not exist", name.value))
                .label(name.span, "not defined")
                .maybe_help(did_you_mean(&name.value, names)),
        );
    }
    if let Some((key, _)) = change.properties.first() {
        context.tell(
            Problem::new(code::PROFILE_ADDS, format!("a profile cannot change `{}=` of a {sort}", key.value))
                .label(key.span, "fixed where it is defined")
                .help("remove it: a profile changes the settings in the block"),
        );
    }
}

fn target(nodes: &[Node], change: &Node) -> Option<usize> {
    let same = |node: &Node| {
        let names = (node.text().map(|text| &text.value), change.text().map(|text| &text.value));
        node.name.value == change.name.value && names.0 == names.1
    };
    nodes.iter().position(same)
}

/// Puts the settings of a profile into the nodes.
pub(crate) fn apply(nodes: &mut Vec<Node>, profile: &Node) {
    for change in profile.children().iter().filter(|change| change.name.value != "variables") {
        match target(nodes, change) {
            Some(index) => overlay(&mut nodes[index], change),
            None if change.name.value == "guard" => nodes.push(change.clone()),
            None => {}
        }
    }
}

/// A setting that is given replaces its arguments and merges its properties; a setting that may be
/// repeated is replaced as a whole.
fn overlay(node: &mut Node, change: &Node) {
    let children = node.children.get_or_insert_with(Vec::new);
    let mut replaced: Vec<&str> = Vec::new();
    for setting in change.children() {
        let name = setting.name.value.as_str();
        let existing = children.iter().filter(|child| child.name.value == name).count();
        let given = change.children().iter().filter(|child| child.name.value == name).count();
        match children.iter_mut().find(|child| child.name.value == name) {
            Some(child) if existing == 1 && given == 1 && !is_list(name) => merge(child, setting),
            _ => {
                if !replaced.contains(&name) {
                    children.retain(|child| child.name.value != name);
                    replaced.push(name);
                }
                children.push(setting.clone());
            }
        }
    }
}

fn is_list(name: &str) -> bool {
    crate::decode::is_repeatable(name)
}

fn merge(setting: &mut Node, change: &Node) {
    setting.name = change.name.clone();
    setting.head = change.head;
    if !change.arguments.is_empty() {
        setting.arguments.clone_from(&change.arguments);
    }
    // A secret that moves from `env=` to `file=` has one place, not two.
    let forms = ["env", "file", "command", "keyring"];
    if change.properties.iter().any(|(key, _)| forms.contains(&key.value.as_str())) {
        setting.properties.clear();
    }
    for (key, value) in &change.properties {
        match setting.properties.iter_mut().find(|(known, _)| known.value == key.value) {
            Some(known) => *known = (key.clone(), value.clone()),
            None => setting.properties.push((key.clone(), value.clone())),
        }
    }
    if change.children.is_some() {
        setting.children.clone_from(&change.children);
    }
}
