import GateModel
import GateTransport
import NIOCore
import Synchronization

/// Where this worker is itself: what circuits are not dialled to, and networks that random paths leave out.
final class OwnAddresses: Sendable {
    /// The addresses at which others see us, as far as they are known here.
    let seen: [IPAddress]
    private let interfaces: Set<IPAddress>
    private let advertised: Set<Place>
    private let listening: Mutex<Set<Place>>

    private struct Place: Hashable {
        let address: IPAddress
        let port: UInt16

        init(_ address: IPAddress, _ port: UInt16) {
            self.address = address
            self.port = port
        }

        init?(_ endpoint: Endpoint) {
            guard let address = endpoint.literalAddress else { return nil }
            self.init(address, endpoint.port)
        }
    }

    /// `interfaces` are the machine's addresses, which stand for a wildcard.
    init(listening: [Endpoint], advertised: [Endpoint], interfaces: [IPAddress]) {
        let places = listening.compactMap(Place.init)
        self.interfaces = Set(interfaces)
        self.advertised = Set(advertised.compactMap(Place.init))
        self.listening = Mutex(Set(places))
        let named = (places + self.advertised).map(\.address).filter { !$0.isWildcard }
        seen = Set(named + interfaces.filter(\.isPublicUnicast)).sorted { $0.description < $1.description }
    }

    /// The machine's addresses now.
    static func machine() -> [IPAddress] {
        ((try? System.enumerateDevices()) ?? []).compactMap { $0.address?.ip }
    }

    /// The ports that the system chose are known.
    func use(listening endpoints: [Endpoint]) { listening.withLock { $0 = Set(endpoints.compactMap(Place.init)) } }

    /// Whether we listen there.
    func contains(_ address: IPAddress, port: UInt16) -> Bool {
        if advertised.contains(Place(address, port)) { return true }
        let isHere = address.isLoopback || interfaces.contains(address)
        return listening.withLock { listening in
            listening.contains {
                $0.port == port && ($0.address == address || ($0.address.isWildcard && isHere))
            }
        }
    }
}

extension IPAddress {
    /// `0.0.0.0` and `::`.
    fileprivate var isWildcard: Bool { self == .v4(0) || self == .v6(0, 0) }
}
