import GateLink
@testable import GateKernel
import GateLinkStore
import GateModel
import GateStore
import Synchronization
import Testing

@Suite struct RightsWithoutTheDatabase {
    private let rights = SwitchedRights()
    private let clock = Clock()

    private func name(_ name: String = "socks5-1") throws -> LinkName {
        let node = NodeUUID(UUIDBytes(high: 1, low: 1))
        return try #require(LinkName(node: node, role: .extender(ShippedExtender.socks5), name: name))
    }

    private func known() -> LinkRights {
        LinkRights(store: rights, now: { [clock] in MonotonicInstant(nanoseconds: clock.nanoseconds.withLock(\.self)) })
    }

    @Test func `what is known serves while the database is away, for an hour`() async throws {
        let link = try name()
        let known = known()
        rights.row.withLock { $0 = .attaching(link) }
        let granted = LinkAdmission.granted(.attaching(as: ShippedExtender.socks5))
        #expect(await known.admission(of: link) == granted)
        rights.isAway.withLock { $0 = true }
        #expect(await known.admission(of: link) == granted)
        clock.nanoseconds.withLock { $0 += 3_601_000_000_000 }
        guard case .refused(let refusal) = await known.admission(of: link) else {
            Issue.record("rights of long ago were used")
            return
        }
        #expect(refusal.code == .unavailable)
    }

    @Test func `a revocation that is known is remembered, and nobody unknown is let in`() async throws {
        let link = try name()
        let known = known()
        rights.row.withLock { $0 = RightsRow(name: link.rightsName, isRevoked: true) }
        _ = await known.admission(of: link)
        rights.isAway.withLock { $0 = true }
        clock.nanoseconds.withLock { $0 += 36_000_000_000_000 }
        guard case .refused(let refusal) = await known.admission(of: link) else {
            Issue.record("let in")
            return
        }
        #expect(refusal.code == .notPermitted)
        guard case .refused(let stranger) = await known.admission(of: try name("socks5-2")) else {
            Issue.record("let in")
            return
        }
        #expect(stranger.code == .unavailable)
    }

    @Test func `rights that have changed are not used from memory`() async throws {
        let link = try name()
        let known = known()
        rights.row.withLock { $0 = .attaching(link) }
        _ = await known.admission(of: link)
        rights.isAway.withLock { $0 = true }
        known.changed(link.rightsName)
        guard case .refused = await known.admission(of: link) else {
            Issue.record("let in")
            return
        }
    }
}

private final class Clock: Sendable {
    let nanoseconds = Mutex<Int64>(3_600_000_000_000)
}

/// One row for every name, or nothing while away.
private final class SwitchedRights: RightsStore {
    let row = Mutex<RightsRow?>(nil)
    let isAway = Mutex(false)

    func rights(of name: String) async throws(StoreFailure) -> RightsRow? {
        guard !isAway.withLock(\.self) else { throw .unavailable }
        return row.withLock { $0 }
    }

    func allRights(after: String?, limit: Int) async throws(StoreFailure) -> [RightsRow] { [] }
    func setRights(_ rights: RightsRow) async throws(StoreFailure) {}
    func removeRights(of name: String) async throws(StoreFailure) {}
}
