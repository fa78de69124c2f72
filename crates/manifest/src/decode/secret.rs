use syncplan_model::spec::SecretRef;

use super::context::{Context, Feature, Owner};
use crate::code;
use crate::problem::{Problem, Span};
use crate::tree::Node;

/// The forms of a reference, as properties.
pub(super) const FORMS: [&str; 4] = ["env", "file", "command", "keyring"];

/// A setting whose value is a secret, or rather where that is kept.
pub(super) fn decode(context: &mut Context, node: &Node, owner: &Owner) -> Option<SecretRef> {
    if !node.arguments.is_empty() {
        literal(context, node, node.arguments.iter().map(|argument| argument.span));
        return None;
    }
    reference(context, node, owner)
}

fn literal(context: &mut Context, node: &Node, spans: impl Iterator<Item = Span>) {
    let name = &node.name.value;
    let variable = name.to_uppercase().replace('-', "_");
    for span in spans {
        context.secrets.push(span);
        context.tell(
            Problem::new(code::LITERAL_SECRET, format!("`{name}` is a secret, and stands here literally"))
                .label(span, "this would stand in git for all to read")
                .help(format!("name the place where it is kept: `{name} env={variable}`")),
        );
    }
}

fn reference(context: &mut Context, node: &Node, owner: &Owner) -> Option<SecretRef> {
    let name = &node.name.value;
    let example = format!("{name} env={}", name.to_uppercase().replace('-', "_"));
    let shape =
        super::settings::Shape { arguments: 0..=0, properties: &FORMS, block: false, example: &example };
    if !context.shape(node, &shape) {
        return None;
    }
    let [(form, value)] = node.properties.as_slice() else {
        let message = if node.properties.is_empty() { "says nowhere" } else { "says in two ways" };
        context.tell(
            Problem::new(code::MISSING_PROPERTY, format!("`{name}` {message} where the secret is kept"))
                .label(node.head, "expected one of `env=`, `file=`, `command=`, `keyring=`")
                .help(format!("write it like `{example}`")),
        );
        return None;
    };
    let text = context.text_of(value, &example)?;
    if text.value.trim().is_empty() {
        context.tell(
            Problem::new(code::OUT_OF_RANGE, format!("`{}=` is empty", form.value))
                .label(value.span, "nothing in it")
                .help(format!("write it like `{example}`")),
        );
        return None;
    }
    Some(match form.value.as_str() {
        "env" => return environment(context, text, &example),
        "file" => SecretRef::File(text.value.clone()),
        "command" => SecretRef::Command(text.value.split_whitespace().map(str::to_owned).collect()),
        _ => {
            context.uses(Feature::Keyring, owner, node.head);
            SecretRef::Keyring(text.value.clone())
        }
    })
}

/// The name of an environment variable; a `$` before it is a habit, anything else is perhaps the
/// secret itself.
fn environment(context: &mut Context, text: &crate::text::Text, example: &str) -> Option<SecretRef> {
    let name = text.value.as_str();
    let fits = !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits {
        return Some(SecretRef::Env(name.to_owned()));
    }
    context.secrets.push(text.span);
    context.tell(
        Problem::new(code::LITERAL_SECRET, "this is not the name of an environment variable")
            .label(text.span, "letters, digits and `_` only")
            .help(format!("write it like `{example}`; the secret itself never stands in a manifest")),
    );
    None
}
