/// Why a store refused or could not answer.
///
/// No case carries a secret or a stored value; sentences in `invalid` and `damaged` are safe to show and to log.
package enum StoreFailure: Error, Equatable, Sendable {
    /// There is no such row. Nothing was changed.
    case notFound
    /// The caller's rights do not include this. Asking again does not help.
    case notPermitted
    /// A value breaks a rule of its field; the sentence says which. Correct it and ask again.
    case invalid(String)
    /// Somebody else changed the row since it was read. Read it again and decide anew.
    case conflict
    /// The write would exceed the caller's quota. Delete something, or have the quota raised.
    case quotaExceeded
    /// Another identity bundle is pinned for this UUID. The peer is not who it was.
    case otherBundle
    /// The worker's lease ended or its name was taken over. It must stop, or register again under a new epoch.
    case leaseLost
    /// The proof that the worker holds its static key does not hold. Ask for a new challenge.
    case notProven
    /// The vault key does not open the vault: it is another node's, or the sealed row was changed.
    case wrongVaultKey
    /// The store was made by a newer version of this program, which must serve it.
    case newerSchema
    /// The store cannot be reached or is busy. Nothing is known about a write; try again later.
    case unavailable
    /// The store's content is not what was written; restore a backup. The sentence says what is wrong.
    case damaged(String)
}

extension StoreFailure: CustomStringConvertible {
    /// One sentence for people.
    package var description: String {
        switch self {
        case .notFound: "not found"
        case .notPermitted: "not permitted by the caller's rights"
        case .invalid(let rule): "not valid: \(rule)"
        case .conflict: "changed by somebody else meanwhile"
        case .quotaExceeded: "quota exceeded"
        case .otherBundle: "another identity is pinned for this UUID"
        case .leaseLost: "the worker's lease is lost"
        case .notProven: "possession of the static key is not proven"
        case .wrongVaultKey: "the vault key does not open the vault"
        case .newerSchema: "the database was written by a newer version"
        case .unavailable: "the database is not available"
        case .damaged(let what): "the database is damaged: \(what)"
        }
    }
}
