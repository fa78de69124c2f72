use syncplan_model::DatabaseName;
use syncplan_model::spec::{Database, DatabaseKind, DatabaseLocation};

use super::context::{Context, Owner};
use super::secret;
use super::settings::{Setting, Settings, settings_of};
use super::store;
use crate::tree::Node;

const SERVER: &[Setting] = &[
    Setting::one("url", "url env=WIKI_DATABASE_URL"),
    Setting::one("tool", "tool \"/usr/bin/mariadb-dump\""),
];
const FILE: &[Setting] =
    &[Setting::one("file", "file \"wiki.db\""), Setting::one("tool", "tool \"sqlite3\"")];

pub(super) const ALL: &[&[Setting]] = &[SERVER, FILE];

pub(super) fn decode(context: &mut Context, name: DatabaseName, node: &Node) -> Option<Database> {
    let words: Vec<&str> = DatabaseKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let kind = store::kind(context, node, &words, "database wiki kind=mysql")?;
    let kind: DatabaseKind = kind.value.parse().ok()?;
    let known = if kind == DatabaseKind::Sqlite { FILE } else { SERVER };
    let settings = settings_of(context, node, known, &["kind"]);
    let owner = Owner::Database(name.to_string());
    let location = location(context, &settings, kind, &owner);
    let tool = settings.get("tool").and_then(|(node, example)| context.string(node, example));
    Some(Database { name, kind, location: location?, tool })
}

fn location(
    context: &mut Context,
    settings: &Settings<'_>,
    kind: DatabaseKind,
    owner: &Owner,
) -> Option<DatabaseLocation> {
    if kind == DatabaseKind::Sqlite {
        let (node, example) = settings.required(context, "file")?;
        return context.string(node, example).map(DatabaseLocation::File);
    }
    let (node, example) = settings.required(context, "url")?;
    if node.arguments.is_empty() {
        return secret::decode(context, node, owner).map(DatabaseLocation::Secret);
    }
    // A URL without credentials may stand here; `text` refuses one with them.
    context.string(node, example).map(DatabaseLocation::Url)
}
