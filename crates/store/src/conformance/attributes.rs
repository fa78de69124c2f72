use syncplan_model::Capability;

use super::scope::{Check, Scope, ensure, options, stream, to, token};
use crate::attributes::Attributes;
use crate::store::{Metadata, Precondition, WriteOptions};

pub(super) async fn attributes_come_back(scope: &Scope<'_>) -> Check {
    if !scope.store.keeps_attributes() {
        return Ok(());
    }
    write(scope, "page", "hello", Precondition::Absent, Some(attributes())).await?;
    expect(scope, "page", &attributes()).await
}

pub(super) async fn attributes_outlive_replacing_and_moving(scope: &Scope<'_>) -> Check {
    if !scope.store.keeps_attributes() {
        return Ok(());
    }
    let facts = write(scope, "page", "hello", Precondition::Absent, Some(attributes())).await?;
    let facts = write(scope, "page", "other", Precondition::Token(token(&facts)?), None).await?;
    expect(scope, "page", &attributes()).await?;
    write(scope, "page", "third", Precondition::Any, None).await?;
    expect(scope, "page", &attributes()).await?;
    let stale = write(scope, "page", "fourth", Precondition::Token(token(&facts)?), None).await;
    ensure!(stale.is_err(), "what is not expected was replaced");
    if scope.has(Capability::ServerCopy) {
        scope.store.copy(&scope.path("page")?, &scope.path("copy")?, to(Precondition::Absent)).await?;
        expect(scope, "copy", &attributes()).await?;
    }
    scope.store.rename(&scope.path("page")?, &scope.path("moved")?, to(Precondition::Absent)).await?;
    expect(scope, "moved", &attributes()).await
}

pub(super) async fn attributes_of_large_content(scope: &Scope<'_>) -> Check {
    let partial = scope.store.partial_writes().filter(|_| scope.store.keeps_attributes());
    let Some(partial) = partial else { return Ok(()) };
    write(scope, "page", "hello", Precondition::Absent, Some(attributes())).await?;
    let size = usize::try_from(partial.threshold()).unwrap_or(usize::MAX).saturating_add(1);
    let content = vec![b'x'; size];
    let options = options(size as u64, Precondition::Any);
    scope.store.write(&scope.path("page")?, stream(&content), options).await?;
    expect(scope, "page", &attributes()).await
}

pub(super) async fn types_follow_from_names(scope: &Scope<'_>) -> Check {
    if !scope.store.keeps_attributes() {
        return Ok(());
    }
    for (name, content_type) in [("a.html", "text/html"), ("b", "application/octet-stream")] {
        write(scope, name, "hello", Precondition::Absent, None).await?;
        let wanted = Attributes { content_type: Some(content_type.to_owned()), ..Attributes::default() };
        expect(scope, name, &wanted).await?;
    }
    Ok(())
}

/// What every store that keeps any can keep.
fn attributes() -> Attributes {
    let text = |text: &str| Some(text.to_owned());
    Attributes {
        content_type: text("text/x-own"),
        content_encoding: text("identity"),
        content_language: text("de"),
        content_disposition: text("attachment; filename=\"a.txt\""),
        cache_control: text("max-age=60"),
        expires: None,
        user: [("colour".to_owned(), "dark red".to_owned())].into(),
    }
}

async fn write(
    scope: &Scope<'_>,
    name: &str,
    content: &'static str,
    precondition: Precondition,
    attributes: Option<Attributes>,
) -> Check<syncplan_model::Facts> {
    let options = WriteOptions {
        metadata: Metadata { attributes, ..Metadata::default() },
        ..options(content.len() as u64, precondition)
    };
    Ok(scope.store.write(&scope.path(name)?, stream(content.as_bytes()), options).await?)
}

async fn expect(scope: &Scope<'_>, name: &str, wanted: &Attributes) -> Check {
    let found = scope.store.describe(&scope.path(name)?).await?;
    let found = found.and_then(|found| found.attributes);
    ensure!(found.as_ref() == Some(wanted), "{name} has {found:?} and not {wanted:?}");
    Ok(())
}
