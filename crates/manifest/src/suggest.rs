/// The known name that a misspelt one was most likely meant to be.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_ascii_lowercase().replace('_', "-");
    // Nobody reads a list of thousands of names for a misspelt one.
    let scored = known.into_iter().take(500).map(|candidate| (distance(&lower, candidate), candidate));
    // A third of the letters may be wrong; beyond that a suggestion is a guess.
    let close = scored.filter(|(distance, candidate)| {
        *distance <= candidate.len().div_ceil(3) && *distance < candidate.len()
    });
    close.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

fn distance(lower: &str, candidate: &str) -> usize {
    // Comparing is quadratic in the length, and no name is long.
    if lower.len() > 64 {
        usize::MAX
    } else {
        strsim::damerau_levenshtein(lower, &candidate.to_ascii_lowercase())
    }
}

/// "did you mean `x`?", or the list of what is known.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(name, known.iter().copied()) {
        Some(nearest) => Some(format!("did you mean `{nearest}`?")),
        None if known.is_empty() => None,
        None => Some(format!("known here: {}", list(&known))),
    }
}

/// Names in backquotes, as many as one reads.
pub(crate) fn list(names: &[&str]) -> String {
    const SHOWN: usize = 24;
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        shown.push(format!("and {} more", names.len() - SHOWN));
    }
    shown.join(", ")
}
