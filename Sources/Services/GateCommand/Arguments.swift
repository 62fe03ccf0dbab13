public import ArgumentParser
public import GateModel

extension NodeUUID: ExpressibleByArgument {
    /// Reads the 36-character text form.
    public init?(argument: String) { self.init(text: argument) }
}

extension NodeAddress: ExpressibleByArgument {
    /// Reads `UUID@host:port`.
    public init?(argument: String) { self.init(text: argument) }
}

extension Endpoint: ExpressibleByArgument {
    /// Reads `host:port`, an IPv6 address in brackets.
    public init?(argument: String) { self.init(text: argument) }
}

extension ExtenderID: ExpressibleByArgument {
    /// Reads a UUID, or the name of an extender that ships.
    public init?(argument: String) {
        if argument == "socks5" { self = ShippedExtender.socks5 } else { self.init(text: argument) }
    }
}
