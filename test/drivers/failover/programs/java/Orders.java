/** What the writing program needs of a driver. */
interface Orders {
    void insert(int client, long number) throws Exception;
}
