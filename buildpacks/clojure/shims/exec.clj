;; Calls a function as `clojure -X` and `clojure -T` do: exec.clj FUNCTION? (KEY VALUE)* MAP?
(require '[clojure.edn :as edn])

(let [basis (edn/read-string {:default tagged-literal} (slurp (System/getProperty "clojure.basis")))
      {:keys [exec-fn exec-args ns-default ns-aliases]} (:execute-args basis)
      words (map edn/read-string *command-line-args*)
      [f words] (if (symbol? (first words)) [(first words) (rest words)] [exec-fn words])
      extra (when (and (odd? (count words)) (map? (last words))) (last words))
      words (if extra (butlast words) words)
      _ (when (or (nil? f) (odd? (count words)))
          (throw (ex-info "No function to call, or a key without a value" {:words *command-line-args*})))
      args (reduce (fn [m [k v]] (if (vector? k) (assoc-in m k v) (assoc m k v))) exec-args (partition 2 words))
      n (some-> (namespace f) symbol)
      f (symbol (str (cond (nil? n) ns-default :else (get ns-aliases n n))) (name f))]
  (when (= "" (namespace f))
    (throw (ex-info (str "The function " (name f) " has no namespace and the alias no :ns-default") {})))
  (require (symbol (namespace f)))
  (let [v (or (resolve f) (throw (ex-info (str "There is no function " f) {})))]
    (v (merge args extra))
    (shutdown-agents)))
