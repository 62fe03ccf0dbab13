package import GateLink
package import GateLinkStore
package import GateLinkTransport
public import GateModel
package import Logging
package import NIOCore

/// How a replica reaches its node.
package enum NodeAccess: Sendable {
    /// Over TCP and TLS, to the workers that the node's database names.
    case database(DatabaseLink)
    /// Over TCP and TLS, to the workers that a directory names.
    case network(any WorkerDirectory, credential: LinkCredentialSource)
    /// Within this process.
    case memory([MemoryLinkServer], as: LinkName)
}

/// A link to the node's database service, kept open while it runs.
package final class DatabaseLink: Sendable {
    /// Every store that the credential's rights open.
    package let store: LinkStore
    private let membership: LinkMembership
    private let keeper: LinkKeeper

    /// - Parameter endpoints: the replicas of the database service; any one will do.
    package init(
        endpoints: [Endpoint], membership: LinkMembership, program: String, eventLoop: any EventLoop, logger: Logger
    ) {
        self.membership = membership
        // The database admits an extender by its attach, as a kernel does.
        var attach: LinkAttach?
        if case .extender(let extender) = membership.role {
            attach = LinkAttach(extender: extender, name: program, replica: UInt64.random(in: 1 ... .max))
        }
        keeper = LinkKeeper(
            target: .replicas(endpoints, credential: membership.credential), expects: .database, attach: attach,
            eventLoop: eventLoop, program: program, settings: .database, logger: logger)
        store = LinkStore(keeper.requester)
    }

    /// What links show; of who joins, good for links to workers once ``joined()`` has returned.
    var credential: LinkCredentialSource { membership.credential }

    /// Returns when there is a credential to show workers, or on cancellation.
    func joined() async {
        if credential.current().name.role.kind == .join { _ = await keeper.requester.connected() }
    }

    /// Workers whose lease runs.
    package var workers: RegisteredWorkers { RegisteredWorkers(store: store, feed: store) }

    /// The node's settings, as far as the credential's rights go.
    package var settings: StoredNodeSettings { StoredNodeSettings(store: store, feed: store) }

    /// Joins where that is due, and keeps the link, until cancelled. Who was cut off until its certificate ended joins
    /// anew.
    package func run() async {
        while !Task.isCancelled {
            guard (try? await membership.join(patience: nil)) != nil else { return }
            try? await membership.renewing(over: store) { await self.keeper.run() }
        }
    }
}

/// Where an extender out of process finds its node.
public struct NodeLocation: Hashable, Sendable {
    /// The folder with `certificate.pem`, `key.pem` and `authority.pem`, as `quantumgate credential issue` makes it. Of a
    /// join credential any number of replicas may use copies: each gets a name and a certificate of its own with it.
    public var credentialFolder: String
    /// The replicas of the node's database service, which knows the workers. A name may have several addresses.
    public var databases: [Endpoint]
    /// These workers only; empty: all that the database names.
    public var workers: Set<WorkerAddress>

    /// Joins the parts.
    public init(credentialFolder: String, databases: [Endpoint], workers: Set<WorkerAddress> = []) {
        self.credentialFolder = credentialFolder
        self.databases = databases
        self.workers = workers
    }

    /// Joins the parts where the database service is one.
    public init(credentialFolder: String, database: Endpoint, workers: Set<WorkerAddress> = []) {
        self.init(credentialFolder: credentialFolder, databases: [database], workers: workers)
    }
}
