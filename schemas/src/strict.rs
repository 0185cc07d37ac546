//! Reads only what a JSON Schema would take. serde's derived code is more liberal: it reads the
//! fields of an object from an array, in their order, and a word from an object with one key. A
//! JSON Schema, on the other hand, takes 1.0 for a whole number, which serde does not.
//!
//! [`Strict`] stands between any deserializer and the types that are read with it, at every depth.
//! What serde buffers before it reads it (`flatten`, tagged and untagged enums) is out of its
//! reach: no type that is read this way has that.

mod access;
mod visitor;

use serde::de::{DeserializeSeed, Deserializer, Visitor};

use visitor::{Number, Object, Variant, Within};

/// A deserializer that takes only objects for objects, text for words, and every whole number
/// for a number.
pub struct Strict<D>(D);

impl<D> Strict<D> {
    /// Stands before `inner`.
    pub fn new(inner: D) -> Self {
        Self(inner)
    }
}

/// Hands on what needs no check, with what lies inside it wrapped as well.
macro_rules! forwarded {
    ($wrap:ident: $($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            self.0.$method($wrap(visitor))
        }
    )+};
}

/// Asks for whole numbers within the limits of their types.
macro_rules! numbers {
    ($($method:ident: $kind:ty)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            let limits = <$kind>::MIN.into()..=<$kind>::MAX.into();
            self.0.$method(Number { visitor, limits })
        }
    )+};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    forwarded! { Within:
        deserialize_any deserialize_bool deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_option deserialize_unit
        deserialize_seq deserialize_map deserialize_identifier
        deserialize_i128 deserialize_u128 deserialize_f32 deserialize_f64
    }

    numbers! {
        deserialize_i8: i8 deserialize_i16: i16 deserialize_i32: i32 deserialize_i64: i64
        deserialize_u8: u8 deserialize_u16: u16 deserialize_u32: u32 deserialize_u64: u64
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_struct(name, fields, Object(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_str(Variant(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_unit_struct(name, Within(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_newtype_struct(name, Within(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_tuple(len, Within(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_tuple_struct(name, len, Within(visitor))
    }

    /// Not wrapped: deserializers skip without recursion, and nothing is kept of it.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.deserialize_ignored_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}
