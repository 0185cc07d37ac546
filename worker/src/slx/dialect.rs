use std::path::Path;

use schemas::values::ImagePath;

use crate::versions::TpvmVersion;

/// What a switch accepts and prints.
#[derive(Debug)]
pub struct Dialect {}

/// A dialect file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DialectError {}

impl Dialect {
    /// The dialect that is built in.
    pub fn built_in() -> Dialect {
        todo!()
    }

    /// The dialect of a file.
    pub fn from_file(_path: impl AsRef<Path>) -> Result<Dialect, DialectError> {
        todo!()
    }
}

/// The version of the TPVM in an image, told from the file's name.
pub fn target_version(_dialect: &Dialect, _image: &ImagePath) -> Option<TpvmVersion> {
    todo!()
}
