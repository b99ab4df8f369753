//! The PostgreSQL types that components can use, and their representation.

use berth_postgres::{Kind as TypeKind, Type};

/// The kind as which a column's fields are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `void`: the result of a function without a result. Read as NULL.
    Void,
    /// A single value.
    Scalar(Scalar),
    /// An array of one dimension.
    Array(Scalar),
}

impl Kind {
    /// The kind of a type; `None` if the type is not supported.
    pub(crate) fn from_type(ty: &Type) -> Option<Self> {
        match ty.kind() {
            TypeKind::Simple | TypeKind::Pseudo => Self::from_plain_type(ty),
            TypeKind::Enum(_) => Some(Self::Scalar(Scalar::Text)),
            TypeKind::Domain(base) => Self::from_type(base),
            TypeKind::Array(element) => match Self::from_type(element)? {
                Self::Scalar(scalar) => Some(Self::Array(scalar)),
                Self::Void | Self::Array(_) => None,
            },
            _ => None,
        }
    }

    fn from_plain_type(ty: &Type) -> Option<Self> {
        let scalar = match ty.oid() {
            16 => Scalar::Boolean,
            17 => Scalar::Bytea,
            20 => Scalar::Int8,
            21 => Scalar::Int2,
            23 => Scalar::Int4,
            // name, text, unknown, char(n), varchar
            19 | 25 | 705 | 1042 | 1043 => Scalar::Text,
            114 => Scalar::Json,
            700 => Scalar::Float4,
            701 => Scalar::Float8,
            1082 => Scalar::Date,
            1083 => Scalar::Time,
            1114 => Scalar::Timestamp,
            1184 => Scalar::Timestamptz,
            1186 => Scalar::Interval,
            1700 => Scalar::Numeric,
            2278 => return Some(Self::Void),
            2950 => Scalar::Uuid,
            3802 => Scalar::Jsonb,
            // An extension's types have no fixed number; their names may come with a schema.
            _ if ty.name().rsplit('.').next() == Some("citext") => Scalar::Text,
            _ => return None,
        };
        Some(Self::Scalar(scalar))
    }
}

/// A type that is not made of others, by its binary format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Boolean,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Bytea,
    Uuid,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Json,
    Jsonb,
}

impl Scalar {
    /// The identifier of the type that a parameter is declared with:
    /// <https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat>.
    pub(crate) fn oid(self) -> u32 {
        self.oids().0
    }

    /// The identifier of the type of its arrays.
    pub(crate) fn array_oid(self) -> u32 {
        self.oids().1
    }

    /// A letter that no other type has.
    pub(crate) fn mark(self) -> char {
        char::from(b'a' + self as u8)
    }

    fn oids(self) -> (u32, u32) {
        match self {
            Self::Boolean => (16, 1000),
            Self::Int2 => (21, 1005),
            Self::Int4 => (23, 1007),
            Self::Int8 => (20, 1016),
            Self::Float4 => (700, 1021),
            Self::Float8 => (701, 1022),
            Self::Numeric => (1700, 1231),
            Self::Text => (25, 1009),
            Self::Bytea => (17, 1001),
            Self::Uuid => (2950, 2951),
            Self::Date => (1082, 1182),
            Self::Time => (1083, 1183),
            Self::Timestamp => (1114, 1115),
            Self::Timestamptz => (1184, 1185),
            Self::Interval => (1186, 1187),
            Self::Json => (114, 199),
            Self::Jsonb => (3802, 3807),
        }
    }
}

/// PostgreSQL's name of a type, as its documentation writes it.
pub(crate) fn type_name(ty: &Type) -> String {
    /// Types with a smaller number are PostgreSQL's own; those of a database come with the name that PostgreSQL shows.
    const FIRST_OF_USERS: u32 = 16_384;
    match ty.kind() {
        _ if ty.oid() >= FIRST_OF_USERS => ty.name().to_owned(),
        TypeKind::Array(element) => format!("{}[]", type_name(element)),
        _ if *ty == Type::BPCHAR => "char".to_owned(),
        _ if *ty == Type::CHAR => "\"char\"".to_owned(),
        _ => ty.name().to_owned(),
    }
}
