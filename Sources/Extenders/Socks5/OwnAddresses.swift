import GateModel
import NIOCore
import NIOPosix
import Synchronization

/// The addresses that an exit must not connect to although they are public: this machine's own, those behind which it is
/// reached, and those that a hosting platform answers on for each machine alone.
final class OwnAddresses: Sendable {
    private let literals: Set<IPAddress>
    private let names: [String]
    private let resolver: ExitResolver
    private let resolved = Mutex<Resolved?>(nil)

    private struct Resolved {
        let addresses: Set<IPAddress>
        let at: NIODeadline
    }

    /// How long the addresses of advertised names are believed.
    static let resolvedTime = TimeAmount.seconds(60)
    /// Azure's platform service: public by its number, and other than what a peer sees there.
    static let platform: Set<IPAddress> = Set(["168.63.129.16"].compactMap { IPAddress(text: $0) })

    /// - Parameter advertisedHosts: names or literal addresses.
    init(advertisedHosts: [String], resolver: ExitResolver) {
        literals = Set(advertisedHosts.compactMap { IPAddress(text: $0) })
        names = advertisedHosts.filter { IPAddress(text: $0) == nil }
        self.resolver = resolver
    }

    /// All of them now. Interfaces come and go and are read anew.
    func current() async -> Set<IPAddress> {
        Self.platform.union(literals).union(interfaceAddresses()).union(await namedAddresses())
    }

    private func namedAddresses() async -> Set<IPAddress> {
        guard !names.isEmpty else { return [] }
        let now = NIODeadline.now()
        if let known = resolved.withLock(\.self), now - known.at < Self.resolvedTime { return known.addresses }
        var addresses: Set<IPAddress> = []
        for name in names { addresses.formUnion(await resolver.addressesOfOwn(name)) }
        resolved.withLock { $0 = Resolved(addresses: addresses, at: now) }
        return addresses
    }
}

/// The addresses of this machine's interfaces.
private func interfaceAddresses() -> Set<IPAddress> {
    let devices = (try? System.enumerateDevices()) ?? []
    return Set(devices.compactMap { $0.address.flatMap { IPAddress($0) } })
}
