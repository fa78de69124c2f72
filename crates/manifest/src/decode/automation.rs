use syncplan_model::spec::{Cron, Notify, NotifyChannel, NotifyEvent, Schedule, SyncSpec, Watch};
use syncplan_model::{NotifyName, Period, ProfileName, ScheduleName, TaskName};

use super::context::{Context, Owner};
use super::names::{Known, refer, unique};
use super::secret;
use super::settings::{Setting, Shape, settings_of};
use super::store::kind;
use crate::code;
use crate::problem::Problem;
use crate::quantity;
use crate::tree::Node;

const WEBHOOK: &[Setting] =
    &[Setting::one("url", "url env=OPS_WEBHOOK"), Setting::one("on", "on failure blocked")];
const COMMAND: &[Setting] =
    &[Setting::one("run", "run \"notify-send\" \"syncplan\""), Setting::one("on", "on failure blocked")];

/// Schedules, watches and notifies.
pub(super) fn decode(context: &mut Context, nodes: &[Node], known: &Known, spec: &mut SyncSpec) {
    let named = |name: &'static str| nodes.iter().filter(move |node| node.name.value == name);
    let profiles: Vec<String> =
        named("profile").filter_map(|node| Some(node.text()?.value.clone())).collect();
    let schedules = unique(context, named("schedule"), "schedule", ScheduleName::new);
    spec.schedules = schedules
        .into_iter()
        .filter_map(|(name, node)| schedule(context, name, node, known, &profiles))
        .collect();
    spec.watches = named("watch").filter_map(|node| watch(context, node, known)).collect();
    let notifies = unique(context, named("notify"), "notify", NotifyName::new);
    spec.notifies = notifies.into_iter().filter_map(|(name, node)| notify(context, name, node)).collect();
}

fn schedule(
    context: &mut Context,
    name: ScheduleName,
    node: &Node,
    known: &Known,
    profiles: &[String],
) -> Option<Schedule> {
    let example = "schedule nightly cron=\"15 2 * * *\" tasks=\"*\"";
    let properties = ["cron", "tasks", "profile"];
    if !context.shape(node, &Shape { arguments: 1..=1, properties: &properties, block: false, example }) {
        return None;
    }
    let cron = context.required_property(node, "cron", example).and_then(|value| {
        let text = context.text_of(&value, example)?;
        text.value
            .parse::<Cron>()
            .map_err(|error| {
                context.tell(
                    Problem::new(code::BAD_CRON, error.to_string())
                        .label(text.span, "not a time that comes")
                        .help("write it like `cron=\"15 2 * * *\"`: every day at 2:15"),
                );
            })
            .ok()
    });
    let tasks = tasks(context, node, known, example);
    let profile = node.property("profile").and_then(|value| {
        let text = context.text_of(value, example)?;
        refer(context, text, "profile", profiles, code::UNKNOWN_PROFILE, ProfileName::new)
    });
    Some(Schedule { name, cron: cron?, tasks: tasks?, profile })
}

/// `tasks="*"`, or names separated by spaces.
fn tasks(context: &mut Context, node: &Node, known: &Known, example: &str) -> Option<Vec<TaskName>> {
    let value = context.required_property(node, "tasks", example)?;
    let text = context.text_of(&value, example)?;
    if text.value.trim() == "*" {
        return known.tasks.iter().map(|name| TaskName::new(name).ok()).collect();
    }
    let mut tasks = Vec::new();
    for word in text.value.split([' ', ',']).filter(|word| !word.is_empty()) {
        let start = word.as_ptr() as usize - text.value.as_ptr() as usize;
        let mut part = text.emptied();
        part.span = text.locate(start..start + word.len());
        word.chars().for_each(|c| part.push(c, part.span.start..part.span.end));
        tasks.push(refer(context, &part, "task", &known.tasks, code::UNKNOWN_TASK, TaskName::new));
    }
    if tasks.is_empty() {
        context.tell(
            Problem::new(code::OUT_OF_RANGE, "`tasks=` names none")
                .label(text.span, "nothing in it")
                .help("write `tasks=\"*\"` for all"),
        );
        return None;
    }
    tasks.into_iter().collect()
}

fn watch(context: &mut Context, node: &Node, known: &Known) -> Option<Watch> {
    let example = "watch notes debounce=\"2s\" poll-remote=\"60s\"";
    let properties = ["debounce", "poll-remote"];
    if !context.shape(node, &Shape { arguments: 1..=1, properties: &properties, block: false, example }) {
        return None;
    }
    let text = context.text_of(node.arguments.first()?, example)?;
    let task = refer(context, text, "task", &known.tasks, code::UNKNOWN_TASK, TaskName::new);
    let mut period =
        |key| node.property(key).and_then(|value| context.quantity(value, quantity::duration, example));
    let (debounce, poll_remote) = (period("debounce"), period("poll-remote"));
    Some(Watch { task: task?, debounce: debounce.unwrap_or(Period::from_secs(2)), poll_remote })
}

fn notify(context: &mut Context, name: NotifyName, node: &Node) -> Option<Notify> {
    let kind = kind(context, node, &["webhook", "command"], "notify ops kind=webhook")?;
    let webhook = kind.value == "webhook";
    let settings = settings_of(context, node, if webhook { WEBHOOK } else { COMMAND }, &["kind"]);
    let on = events(context, settings.get("on"));
    let channel = if webhook {
        let (url, _) = settings.required(context, "url")?;
        // No task or store owns it: what it uses is of no interest until it is used.
        NotifyChannel::Webhook(secret::decode(context, url, &Owner::Task(String::new()))?)
    } else {
        let (run, example) = settings.required(context, "run")?;
        context.shape(run, &Shape { arguments: 1..=usize::MAX, properties: &[], block: false, example });
        let words: Vec<_> =
            run.arguments.iter().map(|value| context.text_of(value, example).cloned()).collect();
        NotifyChannel::Command(
            words.into_iter().map(|word| word.map(|text| text.value)).collect::<Option<_>>()?,
        )
    };
    Some(Notify { name, channel, on })
}

/// Failures and blocked plans, unless the manifest says what else.
fn events(context: &mut Context, setting: Option<(&Node, &'static str)>) -> Vec<NotifyEvent> {
    let Some((node, example)) = setting else { return vec![NotifyEvent::Failure, NotifyEvent::Blocked] };
    context.shape(node, &Shape { arguments: 1..=usize::MAX, properties: &[], block: false, example });
    let texts: Vec<_> =
        node.arguments.iter().filter_map(|value| context.text_of(value, example).cloned()).collect();
    texts
        .iter()
        .filter_map(|text| context.one_of("on", text, NotifyEvent::ALL, NotifyEvent::as_str))
        .collect()
}
