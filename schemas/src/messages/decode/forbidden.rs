//! Fields that must not be there.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::messages::Message;

/// The first field of a message that must not be there, and the one that stands for it. What
/// comes behind it in the text may be malformed.
pub(super) fn find<M: Message>(text: &str) -> Option<(String, &'static str)> {
    let mut found = None;
    let fields = Fields {
        found: &mut found,
        message: PhantomData::<M>,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    // What is malformed is named by whoever reads the message itself.
    let _ = json.deserialize_map(fields);
    found
}

struct Fields<'a, M> {
    found: &'a mut Option<(String, &'static str)>,
    message: PhantomData<M>,
}

impl<'de, M: Message> Visitor<'de> for Fields<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(field) = entries.next_key::<String>()? {
            if let Some(instead) = M::instead_of(&field) {
                *self.found = Some((field, instead));
                return Err(A::Error::custom("found"));
            }
            entries.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}
