package id.jakartaone.harness;

/** The card lost power inside a command. An Error, so that no applet can catch it as its own. */
final class Torn extends Error {
    private static final long serialVersionUID = 1L;
    static final Torn TORN = new Torn();

    private Torn() {
        super("the card lost power", null, false, false);
    }
}
