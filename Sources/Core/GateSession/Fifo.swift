/// First in, first out, in one array; nothing is allocated while it is empty and was never used.
struct Fifo<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var isEmpty: Bool { head == elements.count }
    var count: Int { elements.count - head }
    var first: Element? { isEmpty ? nil : elements[head] }

    mutating func append(_ element: Element) {
        // Popped places are reused once they are half of the array, so that appending stays cheap and memory bounded.
        if head > 16, head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        }
        elements.append(element)
    }

    mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        let element = elements[head].take()
        head += 1
        if isEmpty {
            elements.removeAll(keepingCapacity: elements.capacity <= 64)
            head = 0
        }
        return element
    }

    mutating func updateFirst(_ element: Element) {
        guard !isEmpty else { return }
        elements[head] = element
    }

    /// Changes the last element in place; `nil` where there is none.
    mutating func updateLast<Result>(_ change: (inout Element) -> Result) -> Result? {
        guard !isEmpty, var last = elements[elements.count - 1].take() else { return nil }
        defer { elements[elements.count - 1] = last }
        return change(&last)
    }

    mutating func updateEach(_ change: (inout Element) -> Void) {
        for index in head..<elements.count {
            guard var element = elements[index].take() else { continue }
            change(&element)
            elements[index] = element
        }
    }

    mutating func removeAll() {
        elements = []
        head = 0
    }
}
