package id.jakartaone.harness;

/**
 * Where a card is to lose power. Writes and commits are counted from the moment of arming.
 *
 * @param point one of the four below; 0 is never
 * @param k the write (BEFORE, AT) or the commit (COMMIT, AFTER) that is meant, from 1
 * @param weak whether the interrupted cell reads back undecided until it is written again
 */
record Tear(int point, int k, boolean weak) {
    static final int BEFORE_WRITE = 1;
    static final int AT_WRITE = 2;
    static final int IN_COMMIT = 3;
    static final int BEFORE_ANSWER = 4;
    static final Tear NEVER = new Tear(0, 0, false);

    Tear {
        if (point < 0 || point > BEFORE_ANSWER || point != 0 && k < 1) {
            throw new IllegalArgumentException(
                "tear point must be 0..4 and k at least 1, got point " + point + ", k " + k);
        }
    }
}
