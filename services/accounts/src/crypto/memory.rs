//! Argon2 over memory that is kept from one hash to the next.
//!
//! A hash needs megabytes. Taken from the system and given back each time, they cost it thousands of page faults, all of
//! which must have an empty page; on a virtual machine the host has to find that page, too, and everybody beside waits.

use std::cell::RefCell;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, PasswordHasher, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// The memory of one thread. It holds what the last hash has left until the next one: neither the password nor what it was
/// hashed to at first, and argon2 gave such memory back as it was, too.
#[derive(Default)]
pub(super) struct Memory(RefCell<Vec<Block>>);

impl Memory {
    /// A hasher of this cost over it.
    pub(super) fn hasher(&self, params: &Params) -> Hasher<'_> {
        Hasher {
            memory: self,
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: params.clone(),
        }
    }
}

/// Makes and checks the hashes that [`Argon2`] does.
pub(super) struct Hasher<'m> {
    memory: &'m Memory,
    algorithm: Algorithm,
    version: Version,
    params: Params,
}

impl PasswordHasher<PasswordHash> for Hasher<'_> {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> Result<PasswordHash> {
        let salt = Salt::new(salt)?;
        let mut output = [0; Output::MAX_LENGTH];
        let length = self.params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let output = output.get_mut(..length).ok_or(Error::OutputSize)?;
        let mut blocks = self.memory.0.borrow_mut();
        make_room(&mut blocks, self.params.block_count())?;
        Argon2::new(self.algorithm, self.version, self.params.clone()).hash_password_into_with_memory(
            password,
            &salt,
            output,
            &mut *blocks,
        )?;
        Ok(PasswordHash {
            algorithm: self.algorithm.ident(),
            version: Some(self.version.into()),
            params: ParamsString::try_from(&self.params)?,
            salt: Some(salt),
            hash: Some(Output::new(output)?),
        })
    }
}

/// As many blocks and no more: a stored hash may cost more than one of today. What cannot be had is an error.
fn make_room(blocks: &mut Vec<Block>, count: usize) -> Result<()> {
    blocks.truncate(count);
    blocks.shrink_to_fit();
    blocks.try_reserve_exact(count - blocks.len()).map_err(|_| argon2::Error::OutOfMemory)?;
    blocks.resize_with(count, Block::default);
    Ok(())
}

/// What a stored hash is checked with.
impl CustomizedPasswordHasher<PasswordHash> for Hasher<'_> {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Result<PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        Hasher { memory: self.memory, algorithm, version, params }.hash_password_with_salt(password, salt)
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier as _;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever the memory was used for before.
        #[test]
        fn the_hashes_are_those_of_argon2(
            costs in prop::collection::vec((8_u32..200, 1_u32..3, 1_u32..3, prop::collection::vec(any::<u8>(), 8..32)), 1..6)
        ) {
            let memory = Memory::default();
            for (kib, iterations, lanes, salt) in costs {
                let params = Params::new(kib.max(8 * lanes), iterations, lanes, None).unwrap();
                let theirs = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
                let expected = theirs.hash_password_with_salt(b"open sesame", &salt).unwrap();
                let hasher = memory.hasher(&params);
                let made = hasher.hash_password_with_salt(b"open sesame", &salt).unwrap();
                prop_assert_eq!(made.to_string(), expected.to_string());
                prop_assert!(hasher.verify_password(b"open sesame", &expected).is_ok());
                prop_assert!(hasher.verify_password(b"open barley", &expected).is_err());
            }
        }
    }

    #[test]
    fn hashes_of_other_costs_and_kinds_are_checked_as_they_were_made() {
        let memory = Memory::default();
        let today = memory.hasher(&Params::new(64, 1, 1, None).unwrap());
        for (algorithm, version, kib) in
            [(Algorithm::Argon2i, Version::V0x10, 32), (Algorithm::Argon2d, Version::V0x13, 512)]
        {
            let before = Argon2::new(algorithm, version, Params::new(kib, 2, 1, None).unwrap());
            let stored = before.hash_password(b"open sesame").unwrap();
            assert!(today.verify_password(b"open sesame", &stored).is_ok(), "{stored}");
            assert!(today.verify_password(b"open barley", &stored).is_err(), "{stored}");
        }
    }

    #[test]
    fn no_more_is_kept_than_the_last_hash_took() {
        let memory = Memory::default();
        for kib in [512, 64] {
            memory.hasher(&Params::new(kib, 1, 1, None).unwrap()).hash_password(b"x").unwrap();
        }
        assert_eq!(memory.0.borrow().capacity(), 64);
    }
}
