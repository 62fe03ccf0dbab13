import GateLink
import GateStore
import Synchronization

/// The rights of those who ask often, for a moment: asking the store at every request would double its work.
///
/// A revocation closes the name's links when it is told, apart from this; here a change counts after `age` at most.
final class RightsCache: Sendable {
    private struct Entry {
        let rights: RightsRow
        let end: ContinuousClock.Instant
    }

    private let entries = Mutex<[LinkName: Entry]>([:])
    private let age: Duration

    /// Names that are remembered at once; with more all are asked anew.
    private static let entriesMax = 4096

    init(age: Duration) { self.age = age }

    /// The rights of a name, as they were no longer than `age` ago.
    func rights(of name: LinkName, in store: any RightsStore) async throws(StoreFailure) -> RightsRow {
        guard age > .zero else { return try await store.rights(of: name) }
        let now = ContinuousClock.now
        if let known = entries.withLock({ $0[name] }), known.end > now { return known.rights }
        let rights = try await store.rights(of: name)
        entries.withLock { entries in
            if entries.count >= RightsCache.entriesMax { entries.removeAll() }
            entries[name] = Entry(rights: rights, end: now + age)
        }
        return rights
    }
}
