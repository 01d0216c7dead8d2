// Included by snapshots.rs, and compiled by its test.
/// Names the snapshots. The compiler refuses a name that no test uses: a variant that nothing constructs is dead code.
macro_rules! snapshots {
    ($($name:ident)*) => {
        /// A file of `snapshots/`.
        #[derive(Clone, Copy, Debug)]
        #[expect(non_camel_case_types, reason = "each is called as its file is")]
        #[deny(dead_code)]
        pub(crate) enum Snapshot { $($name),* }

        /// All of them. Strings, since whatever constructs a variant counts as a use.
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        impl Snapshot {
            fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}
