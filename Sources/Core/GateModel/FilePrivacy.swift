/// Whether a file of secrets is kept from others.
package enum FilePrivacy {
    /// Its owner may do everything, others nothing. Where the owner is another user, as for what an orchestrator mounts
    /// into a container, our group may read it, too: else we could not.
    ///
    /// - Parameters:
    ///   - mode: The file's mode; bits beyond the permissions don't matter.
    ///   - owner: The file's owner.
    ///   - user: Whom this process runs as.
    package static func isPrivate(mode: UInt32, owner: UInt32, user: UInt32) -> Bool {
        mode & (owner == user ? 0o077 : 0o037) == 0
    }
}
