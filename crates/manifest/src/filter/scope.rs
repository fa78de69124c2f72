use std::collections::BTreeMap;
use std::sync::Arc;

use syncplan_model::SyncSpec;
use syncplan_model::filter::NamedFilter;

/// The names that an expression may use.
#[derive(Debug, Clone, Default)]
pub struct FilterScope {
    /// `None` is a filter that exists and did not parse: using it is no further mistake.
    filters: BTreeMap<String, Option<Arc<NamedFilter>>>,
    /// Without it, any task may be named.
    tasks: Option<Vec<String>>,
}

impl FilterScope {
    /// Neither filters nor tasks are known; any task may be named.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The filters and the tasks of a manifest, for expressions on the command line.
    pub fn of(spec: &SyncSpec) -> Self {
        let filters =
            spec.filters.iter().map(|named| (named.name().to_string(), Some(Arc::clone(named)))).collect();
        Self { filters, tasks: Some(spec.tasks.iter().map(|task| task.name.to_string()).collect()) }
    }

    pub(crate) fn with_tasks(tasks: Vec<String>) -> Self {
        Self { filters: BTreeMap::new(), tasks: Some(tasks) }
    }

    pub(crate) fn define(&mut self, name: &str, filter: Option<Arc<NamedFilter>>) {
        self.filters.insert(name.to_owned(), filter);
    }

    pub(crate) fn filter(&self, name: &str) -> Option<&Option<Arc<NamedFilter>>> {
        self.filters.get(name)
    }

    pub(crate) fn filter_names(&self) -> impl Iterator<Item = &str> {
        self.filters.keys().map(String::as_str)
    }

    pub(crate) fn tasks(&self) -> Option<&[String]> {
        self.tasks.as_deref()
    }
}
