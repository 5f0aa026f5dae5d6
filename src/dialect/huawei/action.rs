//! What can be asked of key pairs: the names that the SDKs give the operations.

macro_rules! actions {
    ($($name:ident $message:literal)+) => {
        /// An operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = $message] $name,)+
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The SDKs' name of it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

actions! {
    CreateKeypair "Makes a pair, or registers a public half, with or without the private one."
    ListKeypairs "Lists pairs."
    ListKeypairDetail "Shows one pair."
    UpdateKeypairDescription "Changes a description."
    DeleteKeypair "Deletes a pair."
    ImportPrivateKey "Gives the private half of a pair into the cloud's keeping."
    ExportPrivateKey "Gives it back."
    ClearPrivateKey "Takes it out of the cloud's keeping."
    BatchImportKeypair "CreateKeypair for up to ten."
    BatchExportPrivateKey "ExportPrivateKey for up to ten, as a zip file."
    AssociateKeypair "Puts a pair on an instance."
    BatchAssociateKeypair "AssociateKeypair for up to ten instances."
    DisassociateKeypair "Takes the pair off an instance."
    ListKeypairTask "Shows how far a task is."
    ListRunningTask "Lists tasks that run."
    ListFailedTask "Lists tasks that failed."
    DeleteAllFailedTask "Forgets all failed tasks."
    DeleteFailedTask "Forgets a failed task."
    KeystoneListProjects "IAM's: the projects of the account, by the name of the region."
}
