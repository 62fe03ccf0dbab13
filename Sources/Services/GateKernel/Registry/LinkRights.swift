import GateLink
import GateLinkStore
import GateModel
import GateStore
import GateTransport
import Synchronization

/// Which extenders may attach to this worker: asked of the database, and while that is away answered from what was
/// learned not long ago.
///
/// | the database says | away: rights are known, not too old | away: a revocation is known | away: nothing is known |
/// | --- | --- | --- | --- |
/// | that decides | those decide | refused | refused as unavailable |
final class LinkRights: Sendable {
    private struct Entry {
        let name: LinkName
        let rights: RightsRow
        let at: MonotonicInstant
    }

    private let store: any RightsStore
    private let now: @Sendable () -> MonotonicInstant
    private let known = Mutex<[LinkName: Entry]>([:])

    /// How long rights that were read serve without the database. A revocation that only the database knows of takes
    /// this long at most to act on a worker that is cut off.
    static let ageMax = Duration.seconds(3600)
    /// The most names that are remembered; the oldest are forgotten, those not revoked first.
    static let entriesMax = 4096

    init(store: any RightsStore, now: @escaping @Sendable () -> MonotonicInstant = { SystemClock.now() }) {
        self.store = store
        self.now = now
    }

    /// A certificate is a name; what it may do is in the database.
    func admission(of name: LinkName) async -> LinkAdmission {
        guard case .extender(let extender) = name.role else {
            return .refused(LinkRefusal(code: .notPermitted, reason: "only extenders attach to a kernel"))
        }
        do throws(StoreFailure) {
            let rights: RightsRow = try await store.rights(of: name)
            remember(name, rights)
            return judge(name, extender, rights)
        } catch {
            guard let rights = remembered(name) else {
                return .refused(
                    LinkRefusal(
                        code: .unavailable,
                        reason: "the database service does not say what \(name.name) may do: \(error)"))
            }
            return judge(name, extender, rights)
        }
    }

    /// Rights have changed: what is remembered of that name or family serves no more. `nil`: anybody's may have; what is
    /// remembered stays, as the database is there to ask.
    func changed(_ rightsName: String?) {
        guard let rightsName else { return }
        known.withLock { known in
            known = known.filter { $0.value.rights.isRevoked || !$0.key.has(rightsName: rightsName) }
        }
    }

    private func judge(_ name: LinkName, _ extender: ExtenderID, _ rights: RightsRow) -> LinkAdmission {
        guard !rights.isRevoked else {
            return .refused(LinkRefusal(code: .notPermitted, reason: "\(name.name) is revoked"))
        }
        guard rights.extenders.contains(extender) else {
            return .refused(
                LinkRefusal(code: .notPermitted, reason: "\(name.name) has no right to attach as \(extender)"))
        }
        return .granted(.attaching(as: extender, mayConnect: rights.mayConnect))
    }

    private func remembered(_ name: LinkName) -> RightsRow? {
        let oldest = now() + (.zero - LinkRights.ageMax)
        return known.withLock { known in
            guard let entry = known[name], entry.rights.isRevoked || entry.at >= oldest else { return nil }
            return entry.rights
        }
    }

    private func remember(_ name: LinkName, _ rights: RightsRow) {
        let at = now()
        known.withLock { known in
            known[name] = Entry(name: name, rights: rights, at: at)
            guard known.count > LinkRights.entriesMax else { return }
            let oldest = known.values.min {
                ($0.rights.isRevoked ? 1 : 0, $0.at) < ($1.rights.isRevoked ? 1 : 0, $1.at)
            }
            if let oldest { known[oldest.name] = nil }
        }
    }
}
