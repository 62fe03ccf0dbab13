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
    let credential: LinkCredentialSource
    private let keeper: LinkKeeper

    package init(
        endpoint: Endpoint, credential: LinkCredentialSource, program: String, eventLoop: any EventLoop, logger: Logger
    ) {
        self.credential = credential
        // The database admits an extender by its attach, as a kernel does.
        var attach: LinkAttach?
        if case .extender(let extender) = credential.current().name.role {
            attach = LinkAttach(extender: extender, name: program, replica: UInt64.random(in: 1 ... .max))
        }
        keeper = LinkKeeper(
            target: .network(endpoint, credential: credential), expects: .database, attach: attach,
            eventLoop: eventLoop, program: program, logger: logger)
        store = LinkStore(keeper.requester)
    }

    /// Workers whose lease runs.
    package var workers: RegisteredWorkers { RegisteredWorkers(store: store, feed: store) }

    /// The node's settings, as far as the credential's rights go.
    package var settings: StoredNodeSettings { StoredNodeSettings(store: store, feed: store) }

    /// Keeps the link until cancelled.
    package func run() async { await keeper.run() }
}

/// Where an extender out of process finds its node.
public struct NodeLocation: Hashable, Sendable {
    /// The folder with `certificate.pem`, `key.pem` and `authority.pem`, as `quantumgate credential issue` makes it.
    public var credentialFolder: String
    /// The node's database service, which knows the workers.
    public var database: Endpoint
    /// These workers only; empty: all that the database names.
    public var workers: Set<WorkerAddress>

    /// Joins the parts.
    public init(credentialFolder: String, database: Endpoint, workers: Set<WorkerAddress> = []) {
        self.credentialFolder = credentialFolder
        self.database = database
        self.workers = workers
    }
}
