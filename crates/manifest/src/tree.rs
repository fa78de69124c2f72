//! The nodes of a manifest as the decoder reads them: KDL with a place for everything.

use kdl::{KdlDocument, KdlEntry, KdlNode, KdlValue};

use crate::code;
use crate::problem::{FileId, Problem, Span, Spanned};
use crate::text::Text;

/// A node. Its name, its values and its block each know where they stand.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: Spanned<String>,
    pub(crate) arguments: Vec<Value>,
    pub(crate) properties: Vec<(Spanned<String>, Value)>,
    pub(crate) children: Option<Vec<Self>>,
    /// From the name to the last argument or property.
    pub(crate) head: Span,
}

/// A value, as an argument or in a property.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub(crate) scalar: Scalar,
    pub(crate) span: Span,
    /// As it was written.
    pub(crate) written: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Text(Text),
    Integer(i128),
    Float(f64),
    Bool(bool),
    Null,
}

impl Scalar {
    /// What it is, for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with decimals",
            Self::Bool(_) => "a truth value",
            Self::Null => "`#null`",
        }
    }
}

impl Node {
    pub(crate) fn children(&self) -> &[Self] {
        self.children.as_deref().unwrap_or_default()
    }

    pub(crate) fn property(&self, key: &str) -> Option<&Value> {
        self.properties.iter().find(|(name, _)| name.value == key).map(|(_, value)| value)
    }

    /// The first argument as text, if it is text.
    pub(crate) fn text(&self) -> Option<&Text> {
        self.arguments.first().and_then(Value::text)
    }
}

impl Value {
    pub(crate) fn text(&self) -> Option<&Text> {
        match &self.scalar {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Converts a document; what manifests never use is told in `problems`.
pub(crate) fn read(
    file: FileId,
    source: &str,
    document: &KdlDocument,
    problems: &mut Vec<Problem>,
) -> Vec<Node> {
    let count = count(document);
    if count > MAX_NODES {
        let message = format!("the file has {count} nodes and values; at most {MAX_NODES} are read");
        problems.push(
            Problem::new(code::TOO_LARGE, message)
                .label(Span::new(file, 0..0), "in this file")
                .help("let a filter say with one pattern what a long list says now"),
        );
        return Vec::new();
    }
    Reader { file, source, problems }.nodes(document)
}

/// How many nodes and values a file may have: some checks compare every node with every other.
const MAX_NODES: usize = 20_000;

fn count(document: &KdlDocument) -> usize {
    let own = |node: &KdlNode| 1 + node.entries().len() + node.children().map_or(0, count);
    document.nodes().iter().map(own).sum()
}

struct Reader<'a> {
    file: FileId,
    source: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn nodes(&mut self, document: &KdlDocument) -> Vec<Node> {
        document.nodes().iter().map(|node| self.node(node)).collect()
    }

    fn node(&mut self, node: &KdlNode) -> Node {
        let name_span = self.span(node.name().span());
        if let Some(annotation) = node.ty() {
            self.annotation(annotation, name_span);
        }
        let mut read = Node {
            name: Spanned::new(node.name().value().to_owned(), name_span),
            arguments: Vec::new(),
            properties: Vec::new(),
            children: None,
            head: name_span,
        };
        for entry in node.entries() {
            let value = self.value(entry);
            read.head.end = value.span.end;
            match entry.name() {
                None => read.arguments.push(value),
                Some(key) => self.property(&mut read, key, value),
            }
        }
        read.children = node.children().map(|children| self.nodes(children));
        read
    }

    fn property(&mut self, node: &mut Node, key: &kdl::KdlIdentifier, value: Value) {
        let span = self.span(key.span());
        let earlier = node.properties.iter().find(|(name, _)| name.value == key.value());
        if let Some((first, _)) = earlier {
            let message = format!("the property `{}` is given twice", key.value());
            self.problems.push(
                Problem::new(code::DUPLICATE_PROPERTY, message)
                    .label(span, "given again here")
                    .label(first.span, "first given here")
                    .help("keep one of the two"),
            );
        }
        node.properties.push((Spanned::new(key.value().to_owned(), span), value));
    }

    fn value(&mut self, entry: &KdlEntry) -> Value {
        let span = self.span(entry.span());
        if let Some(annotation) = entry.ty() {
            self.annotation(annotation, span);
        }
        let repr = entry.format().map_or("", |format| format.value_repr.as_str());
        // The value stands at the end of its entry, behind a key and perhaps a comment.
        let within = self.source.get(span.start..span.end).and_then(|slice| slice.rfind(repr));
        let start = within.map_or(span.start, |at| span.start + at);
        let own = Span { start, end: start + repr.len(), ..span };
        let scalar = match entry.value() {
            KdlValue::String(value) => Scalar::Text(Text::new(value, repr, self.file, start)),
            KdlValue::Integer(number) => Scalar::Integer(*number),
            KdlValue::Float(number) => Scalar::Float(*number),
            KdlValue::Bool(truth) => Scalar::Bool(*truth),
            KdlValue::Null => Scalar::Null,
        };
        Value { scalar, span: own, written: repr.to_owned() }
    }

    fn annotation(&mut self, annotation: &kdl::KdlIdentifier, beside: Span) {
        let span = self.span(annotation.span());
        let at = Span { start: span.start.min(beside.end), ..span };
        self.problems.push(
            Problem::new(code::TYPE_ANNOTATION, "manifests use no type annotations")
                .label(at, "a type annotation")
                .help(format!("remove `({})`", annotation.value())),
        );
    }

    fn span(&self, span: miette::SourceSpan) -> Span {
        Span::new(self.file, span.offset()..span.offset() + span.len())
    }
}
