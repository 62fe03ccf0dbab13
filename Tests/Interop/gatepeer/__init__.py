"""A second implementation of QuantumGate's peer protocol, from the articles Handshake, Sessions and Resumption."""
