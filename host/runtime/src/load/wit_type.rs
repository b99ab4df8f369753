//! The types of WIT as text, and the first place where two of them differ.
//!
//! Two types are equal if their texts are: a compiled component does not contain the names of its records and
//! variants, and values are copied by their structure.

use wasmtime::component::Type;
use wasmtime::component::types::ComponentFunc;

/// Where two types differ.
pub(crate) struct Difference {
    /// The path to the place, from the outside: empty when the types differ as a whole.
    pub(crate) place: Vec<String>,
    /// The texts of both types at that place.
    pub(crate) texts: (String, String),
}

/// A function's type, as WIT writes it.
pub(crate) fn signature(function: &ComponentFunc) -> String {
    render_function(function, text)
}

/// The first place where two functions differ.
pub(crate) fn function_difference(one: &ComponentFunc, other: &ComponentFunc) -> Option<Difference> {
    if render_function(one, elided) == render_function(other, elided) {
        return first_difference(function_parts(one), function_parts(other));
    }
    Some(Difference {
        place: Vec::new(),
        texts: (signature(one), signature(other)),
    })
}

/// The first part of a function for which `wanted` is true, and the path to it.
pub(crate) fn find(function: &ComponentFunc, wanted: fn(&Type) -> bool) -> Option<Vec<String>> {
    find_in(function_parts(function), wanted)
}

/// A part of a type, after its name there.
type Part = (String, Type);

fn first_difference(one: Vec<Part>, other: Vec<Part>) -> Option<Difference> {
    one.into_iter().zip(other).find_map(|((label, one), (_, other))| {
        let mut difference = type_difference(&one, &other)?;
        difference.place.insert(0, label);
        Some(difference)
    })
}

fn type_difference(one: &Type, other: &Type) -> Option<Difference> {
    if render(one, elided) == render(other, elided) {
        return first_difference(parts(one), parts(other));
    }
    Some(Difference {
        place: Vec::new(),
        texts: (text(one), text(other)),
    })
}

fn find_in(among: Vec<Part>, wanted: fn(&Type) -> bool) -> Option<Vec<String>> {
    among.into_iter().find_map(|(label, part)| {
        let mut place = if wanted(&part) {
            Vec::new()
        } else {
            find_in(parts(&part), wanted)?
        };
        place.insert(0, label);
        Some(place)
    })
}

fn function_parts(function: &ComponentFunc) -> Vec<Part> {
    let parameters = function
        .params()
        .map(|(name, ty)| (format!("parameter `{name}`"), ty));
    let results = function.results().map(|ty| ("result".to_owned(), ty));
    parameters.chain(results).collect()
}

fn parts(ty: &Type) -> Vec<Part> {
    let named = |label: &str, ty| (label.to_owned(), ty);
    match ty {
        Type::List(list) => vec![named("element", list.ty())],
        Type::FixedLengthList(list) => vec![named("element", list.ty())],
        Type::Map(map) => vec![named("key", map.key()), named("value", map.value())],
        Type::Option(option) => vec![named("value", option.ty())],
        Type::Result(result) => {
            let (ok, error) = (result.ok(), result.err());
            ok.map(|ty| named("ok", ty))
                .into_iter()
                .chain(error.map(|ty| named("error", ty)))
                .collect()
        }
        Type::Record(record) => record
            .fields()
            .map(|field| (format!("field `{}`", field.name), field.ty))
            .collect(),
        Type::Variant(variant) => variant
            .cases()
            .filter_map(|case| Some((format!("case `{}`", case.name), case.ty?)))
            .collect(),
        Type::Tuple(tuple) => tuple
            .types()
            .enumerate()
            .map(|(index, ty)| (format!("element {index}"), ty))
            .collect(),
        Type::Future(future) => future.ty().map(|ty| named("value", ty)).into_iter().collect(),
        Type::Stream(stream) => stream.ty().map(|ty| named("element", ty)).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// A type, written out.
fn text(ty: &Type) -> String {
    render(ty, text)
}

/// The text for a part where only the outermost shape matters. WIT's own `_` means that there is no type.
fn elided(_: &Type) -> String {
    "…".to_owned()
}

fn render_function(function: &ComponentFunc, inner: fn(&Type) -> String) -> String {
    let parameters = list(
        function
            .params()
            .map(|(name, ty)| format!("{name}: {}", inner(&ty))),
    );
    let result = function
        .results()
        .next()
        .map(|ty| format!(" -> {}", inner(&ty)))
        .unwrap_or_default();
    let keyword = if function.async_() { "async func" } else { "func" };
    format!("{keyword}({parameters}){result}")
}

fn render(ty: &Type, inner: fn(&Type) -> String) -> String {
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::S8 => "s8".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::S16 => "s16".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::S32 => "s32".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::S64 => "s64".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::Float32 => "f32".to_owned(),
        Type::Float64 => "f64".to_owned(),
        Type::Char => "char".to_owned(),
        Type::String => "string".to_owned(),
        Type::ErrorContext => "error-context".to_owned(),
        Type::Own(_) => "own<resource>".to_owned(),
        Type::Borrow(_) => "borrow<resource>".to_owned(),
        Type::Future(future) => generic("future", &[future.ty()], inner),
        Type::Stream(stream) => generic("stream", &[stream.ty()], inner),
        Type::Option(option) => generic("option", &[Some(option.ty())], inner),
        Type::List(list) => generic("list", &[Some(list.ty())], inner),
        Type::Map(map) => generic("map", &[Some(map.key()), Some(map.value())], inner),
        Type::Result(result) => generic("result", &[result.ok(), result.err()], inner),
        Type::FixedLengthList(list) => format!("list<{}, {}>", inner(&list.ty()), list.len()),
        Type::Tuple(tuple) => format!("tuple<{}>", list(tuple.types().map(|ty| inner(&ty)))),
        Type::Enum(cases) => format!("enum {{ {} }}", list(cases.names().map(str::to_owned))),
        Type::Flags(flags) => format!("flags {{ {} }}", list(flags.names().map(str::to_owned))),
        Type::Record(record) => {
            let fields = record
                .fields()
                .map(|field| format!("{}: {}", field.name, inner(&field.ty)));
            format!("record {{ {} }}", list(fields))
        }
        Type::Variant(variant) => {
            let cases = variant.cases().map(|case| match case.ty {
                Some(ty) => format!("{}({})", case.name, inner(&ty)),
                None => case.name.to_owned(),
            });
            format!("variant {{ {} }}", list(cases))
        }
    }
}

/// `result`, `result<T>`, `result<_, E>`: a missing type at the end is omitted, and a missing type before the
/// end is `_`.
fn generic(name: &str, of: &[Option<Type>], inner: fn(&Type) -> String) -> String {
    let given = of.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    if given == 0 {
        return name.to_owned();
    }
    let of = of
        .iter()
        .take(given)
        .map(|ty| ty.as_ref().map_or("_".to_owned(), inner));
    format!("{name}<{}>", list(of))
}

fn list(of: impl Iterator<Item = String>) -> String {
    of.collect::<Vec<_>>().join(", ")
}
