use schemas::tpvm::TpvmConfig;

/// What differs, for people.
pub fn changes(_device: &TpvmConfig, _persisted: &TpvmConfig) -> Vec<String> {
    todo!()
}
