use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::render;

pub(crate) fn run(code: &str) -> Result<Exit, Failure> {
    let known = known().find(|known| *known == code || known.rsplit("::").next() == Some(code));
    let text = known.and_then(|known| syncplan_manifest::explain(known).or_else(|| failure::explain(known)));
    let (Some(known), Some(text)) = (known, text) else {
        return Err(Failure::usage(format!("there is no code `{code}`"))
            .help("codes stand in front of every error: syncplan::manifest::unknown-node"));
    };
    render::stdout(&format!("{known}\n\n{text}"));
    Ok(Exit::Done)
}

fn known() -> impl Iterator<Item = &'static str> {
    syncplan_manifest::CODES.iter().copied().chain(failure::codes())
}
