package import GateLink
package import GateLinkTransport
package import GateStore
import GateTelemetry
package import Logging

/// Lets changes of rights act on links that are open: who is revoked, or lost something that its link was granted, has
/// its link closed. Who gained something gets it with its next link.
package struct RightsFollower: Sendable {
    private let feed: any ChangeFeed
    private let server: LinkServer
    private let admit: @Sendable (LinkName) async -> LinkAdmission
    private let changed: @Sendable (String?) -> Void
    private let logger: Logger

    /// Pause before a watch that broke is begun again.
    static let retry = Duration.milliseconds(500)

    /// - Parameters:
    ///   - admit: decides anew as for a link that comes.
    ///   - changed: told before that whose rights have changed; `nil`: anybody's may have.
    package init(
        feed: any ChangeFeed, server: LinkServer, admit: @escaping @Sendable (LinkName) async -> LinkAdmission,
        changed: @escaping @Sendable (String?) -> Void = { _ in }, logger: Logger
    ) {
        self.feed = feed
        self.server = server
        self.admit = admit
        self.changed = changed
        self.logger = logger
    }

    /// Follows until cancelled. After a time without the feed every link is looked at.
    package func run() async {
        while !Task.isCancelled {
            if let changes = try? await feed.changes(of: [.rights]) {
                for await change in changes { await apply(change) }
            }
            try? await Task.sleep(for: RightsFollower.retry)
        }
    }

    private func apply(_ change: StoreChange) async {
        switch change {
        case .resynchronise: await recheck(nil)
        case .changed(.rights, let name): await recheck(name)
        case .changed: break
        }
    }

    private func recheck(_ rightsName: String?) async {
        changed(rightsName)
        await server.recheck { name in
            rightsName.map { name.has(rightsName: $0) } ?? true
        } judge: { name, grant in
            switch await admit(name) {
            case .refused(let refusal) where refusal.code == .unavailable: return nil
            case .refused(let refusal): return leave(name, refusal.reason)
            case .granted(let now):
                // Not open yet, and admitted by rights that are no more.
                guard let grant else { return rightsName == nil ? nil : leave(name, "rights have changed") }
                return now.includes(grant) ? nil : leave(name, "rights were taken away")
            }
        }
    }

    private func leave(_ name: LinkName, _ reason: String) -> LinkGoAway {
        logger.notice(
            "link closed by a change of rights", metadata: [LogKey.link: "\(name)", LogKey.reason: "\(reason)"])
        return LinkGoAway(code: .revoked, reason: reason)
    }
}
