/// How urgent waiting bytes are. Within a class, extenders and streams share fairly.
public enum Priority: UInt8, Sendable, CaseIterable, Comparable {
    /// The protocol's own messages. Not for extenders.
    case control = 0
    /// Small and awaited by a person.
    case interactive = 1
    /// Everything else; the default.
    case bulk = 2
    /// Cover traffic. Not for extenders.
    case noise = 3

    /// The more urgent class is the smaller.
    public static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
}
