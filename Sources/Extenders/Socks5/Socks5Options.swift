package import GateModel

/// What a client chose through its username, as in `curl -U hops=3:x`.
///
/// Options are `key=value`, separated by commas, each at most once:
///
/// | option | meaning |
/// | --- | --- |
/// | `hops=N` | relays on the way, 0 to 8 |
/// | `node=UUID` | the exit |
/// | `isolate=TEXT` | nothing by itself: another text is another circuit |
///
/// The whole pair of username and password is the isolation key, so a password does the same as `isolate`.
package struct Socks5Options: Hashable, Sendable {
    /// Relays between this node and the exit; `nil`: the settings decide.
    package var hops: Int?
    /// The exit; `nil`: the settings decide.
    package var exit: NodeUUID?
    /// Clients with the same key share a circuit, others never do. A secret where the password is one: not for logs.
    package var isolation: [UInt8] = []

    /// The most relays on a way.
    package static let hopsMax = 8

    package init() {}

    /// Reads both fields of RFC 1929; throws at the first option that is unknown, repeated or out of range.
    package init(username: [UInt8], password: [UInt8]) throws(Socks5OptionFailure) {
        isolation = [UInt8(truncatingIfNeeded: username.count)] + username + password
        guard !username.isEmpty else { return }
        var seen: Set<Substring> = []
        for option in String(decoding: username, as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false)
        {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw .notAnOption }
            guard seen.insert(parts[0]).inserted else { throw .repeated }
            switch parts[0] {
            case "hops":
                guard parts[1].count == 1, let hops = Int(parts[1]), hops <= Self.hopsMax else { throw .badHops }
                self.hops = hops
            case "node":
                guard let node = NodeUUID(text: parts[1]) else { throw .badNode }
                exit = node
            case "isolate": break
            default: throw .unknownOption
            }
        }
    }
}

/// Why a username was refused; never says what it was.
package enum Socks5OptionFailure: String, Error, Equatable {
    case notAnOption = "a username is a list of key=value, as in hops=3,isolate=x"
    case unknownOption = "the options are hops, node and isolate"
    case repeated = "an option stands there twice"
    case badHops = "hops is a number from 0 to 8"
    case badNode = "node is a UUID of 36 characters"
}
