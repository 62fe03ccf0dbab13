internal import GateLink
internal import GateModel
internal import GateSettings

/// The first rows of a new node's database.
enum NodeIdentity {
    /// The link name of the SOCKS5 extender that `quantumgate node` starts.
    static let socks5Name = "socks5-1"

    /// Makes vault key, database and identity, and grants the shipped extender what it needs.
    static func create(_ settings: LocalSettings) async throws -> NodeUUID {
        throw CommandFailure("not there yet")
    }
}
